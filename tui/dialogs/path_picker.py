"""The path picker: a tree of folders and photos; returns the chosen path."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import DirectoryTree, Footer, Static
from textual.widgets._tree import TreeNode
from textual.widgets.directory_tree import DirEntry

from engine.errors import display_name
from tui.i18n import t
from tui.keymap import bind
from tui.screens.base import BaseDialog

_PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"}


class _Tree(DirectoryTree):
    """A directory tree without hidden files, whose names are safe to show."""

    def __init__(self, root: Path, suffixes: frozenset[str]) -> None:
        super().__init__(root, id="picker-tree")
        self._suffixes = suffixes

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Keep folders, and files with one of the suffixes."""
        return [
            path
            for path in paths
            if not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() in self._suffixes)
        ]

    def render_label(self, node: TreeNode[DirEntry], base_style: Style, style: Style) -> Text:
        """Return a name with control characters made visible."""
        name = display_name(str(node.label))
        mark = ("▾ " if node.is_expanded else "▸ ") if node.allow_expand else "  "
        return Text(f"{mark}{name}", style=base_style + style)


class PathPicker(BaseDialog[Path | None]):
    """Lets a person choose a folder or a file.

    Args:
        start: the folder whose tree is shown.
        title: what to choose, in the present language.
        suffixes: the files that are shown too, such as ``.csv``; empty: folders only; None: photos.
        folders: whether a folder may be chosen (space).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("space", "choose", "app.picker.choose", id="picker.choose", priority=True),
        bind("backspace", "up", "app.picker.up", id="picker.up"),
        bind("escape", "cancel", "app.key.cancel", id="picker.cancel"),
    ]

    def __init__(self, start: Path, title: str, *, suffixes: Iterable[str] | None = (), folders: bool = True) -> None:
        super().__init__()
        self._start = next((path for path in (start, *start.parents) if path.is_dir()), Path.home())
        self._title = title
        self._suffixes = frozenset(_PHOTOS if suffixes is None else suffixes)
        self._folders = folders

    def compose(self) -> ComposeResult:
        """Yield the path and the tree."""
        with Vertical(classes="dialog -picker"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Static(display_name(self._start), id="picker-path", markup=False)
            yield _Tree(self._start, self._suffixes)
            yield Static(t("app.picker.hint"), id="picker-hint", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Put the focus into the tree."""
        self.query_one(_Tree).focus()

    def on_tree_node_highlighted(self, event: DirectoryTree.NodeHighlighted[DirEntry]) -> None:
        """Show the whole path of the highlighted entry."""
        if event.node.data is not None:
            self.query_one("#picker-path", Static).update(Text(display_name(event.node.data.path)))

    def on_directory_tree_file_selected(self, event: DirectoryTree.FileSelected) -> None:
        """Choose a file."""
        self.dismiss(event.path)

    def action_choose(self) -> None:
        """Choose what is highlighted."""
        node = self.query_one(_Tree).cursor_node
        if node is not None and node.data is not None and (self._folders or node.data.path.is_file()):
            self.dismiss(node.data.path)

    def action_up(self) -> None:
        """Show the folder above."""
        tree = self.query_one(_Tree)
        tree.path = Path(tree.path).parent

    def action_cancel(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
