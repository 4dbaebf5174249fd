"""Find, without running anything, which texts an expression of a source file can be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Call:
    """One call in a source file.

    Args:
        place: file and line, for a failing test to name.
        name: the called function's or method's own name.
        node: the call. source: the file it stands in.
    """

    place: str
    name: str
    node: ast.Call
    source: Source


class Source:
    """One parsed file; knows what its names and parameters were given."""

    def __init__(self, file: Path, name: str) -> None:
        self.name = name
        self._tree = ast.parse(file.read_text("utf-8"))
        self._assigned: dict[str, list[ast.expr]] = {}
        self._functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._assigned.setdefault(node.targets[0].id, []).append(node.value)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                self._assigned.setdefault(node.target.id, []).append(node.value)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._functions.append(node)

    def calls(self) -> Iterator[Call]:
        """Yield all calls of the file."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                yield Call(f"{self.name}:{node.lineno}", str(name), node, self)

    def texts(self, node: ast.expr) -> list[str] | None:
        """Return every text that the expression can be; None where that is not plain to see.

        Followed are conditional expressions, names given a literal in the same file, values of a literal
        dictionary, and parameters of a function of the same file. The template of another message is none of its own.
        """
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.IfExp):
            return self._all([node.body, node.orelse])
        if isinstance(node, ast.Attribute) and node.attr == "template":
            return []
        if isinstance(node, ast.Name):
            return self._all(self._assigned.get(node.id) or self._given(node))
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            tables = [value for value in self._assigned.get(node.value.id, []) if isinstance(value, ast.Dict)]
            return self._all([value for table in tables for value in table.values])
        return None

    def _given(self, name: ast.Name) -> list[ast.expr]:
        """Return what the calls in this file give for the parameter that the name is."""
        found: list[ast.expr] = []
        for function in self._functions:
            parameters = [parameter.arg for parameter in [*function.args.args, *function.args.kwonlyargs]]
            if name.id not in parameters or not any(name is node for node in ast.walk(function)):
                continue
            place = parameters.index(name.id)
            for call in self.calls():
                if call.name == function.name:
                    found += call.node.args[place : place + 1]
                    found += [word.value for word in call.node.keywords if word.arg == name.id]
        return found

    def _all(self, nodes: list[ast.expr]) -> list[str] | None:
        found = [self.texts(node) for node in nodes]
        if not found or any(texts is None for texts in found):
            return None
        return [text for texts in found for text in texts or []]


def sources(folder: Path) -> Iterator[Source]:
    """Yield all Python files of a package."""
    for file in sorted(folder.rglob("*.py")):
        yield Source(file, str(file.relative_to(folder.parent)))
