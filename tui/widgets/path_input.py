"""An input for a path: completes while typing, offers what there is, and understands what terminals paste."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from engine.errors import UsageError, display_name
from tui.i18n import say, t
from tui.keymap import bind
from tui.paths import Pasted, parse_pasted_paths, shown_path, typed_form

_OFFERED = 100
_OnPaths = Callable[[Pasted], None]


def complete_path(value: str, suffixes: frozenset[str] = frozenset()) -> list[str]:
    """Return the paths on the disk that begin with what was typed, folders with a slash at their end.

    Names in capitals are found by small letters where none is spelled as it was typed. Takes a while, so call it in
    a thread.

    Args:
        value: what was typed; its ``~`` stays as it is.
        suffixes: the files that are offered beside folders.
    """
    if value == "~":
        return ["~/"]
    folder, begun = os.path.split(value)
    if not value or value.lower().startswith(("file:", "'", '"')) or not (begun or folder):
        return []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:  # noqa: PTH111  (Path fails without a home)
            names = [
                entry.name + ("/" if entry.is_dir() else "")
                for entry in entries
                if entry.name.casefold().startswith(begun.casefold())
                and (begun.startswith(".") or not entry.name.startswith("."))
                and display_name(entry.name) == entry.name
                and (entry.is_dir() or os.path.splitext(entry.name)[1].lower() in suffixes)  # noqa: PTH122
            ]
    except (OSError, ValueError):
        return []
    spelled_so = [name for name in names if name.startswith(begun)]
    # os.path.join keeps ~ and . as they were typed
    return [os.path.join(folder, name) for name in sorted(spelled_so or names)[:_OFFERED]]  # noqa: PTH118


class PathSuggester(Suggester):
    """Completes the last part of a typed path from the disk, in a thread.

    Args:
        suffixes: the files that are offered beside folders.
        on_found: is told the typed text and all that begins with it.
    """

    def __init__(
        self, suffixes: frozenset[str] = frozenset(), on_found: Callable[[str, list[str]], object] | None = None
    ) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._suffixes = suffixes
        self._on_found = on_found

    async def get_suggestion(self, value: str) -> str | None:
        """Return the typed text with the rest of the first name that begins so."""
        found = await asyncio.to_thread(complete_path, value, self._suffixes)
        if self._on_found is not None:
            self._on_found(value, found)
        return found[0] if found and not value.endswith("/") else None


class PastingInput(Input):
    """A one-line input that knows a pasted path from other text.

    Args:
        placeholder: what belongs here, in the present language.
        on_paths: takes pasted paths; None: the first of them replaces what is in the input.
        always: whether every text that looks like a path is one, or only a path that is there.
    """

    def __init__(
        self,
        placeholder: str,
        *,
        on_paths: _OnPaths | None = None,
        always: bool = False,
        suggester: Suggester | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(placeholder=placeholder, suggester=suggester, id=id, compact=True, select_on_focus=False)
        self._on_paths = on_paths or self.take
        self._always = always

    def take(self, pasted: Pasted) -> None:
        """Put a pasted path in the place of what is here; a line end after it submits."""
        self.value = typed_form(pasted.path)
        self.cursor_position = len(self.value)
        if pasted.is_submitted:
            self.post_message(self.Submitted(self, self.value))

    def on_paste(self, event: events.Paste) -> None:
        """Take a path, quoted or escaped as it may be; leave any other text to the input."""
        try:
            pasted = parse_pasted_paths(event.text)
        except UsageError as error:
            event.prevent_default().stop()
            told = t("importing.sentences", first=say(error.message), second=say(error.remedy))
            self.notify(told, severity="warning", markup=False)
            return
        if pasted is not None and (self._always or os.path.lexists(pasted.path)):
            event.prevent_default().stop()
            self._on_paths(pasted)


class PathInput(PastingInput):
    """A one-line input for a path; Tab and right accept the completion that is shown faintly.

    Args:
        placeholder: what belongs here, in the present language.
        suffixes: the files that are offered beside folders.
        on_paths: takes pasted paths; None: the first of them replaces what is in the input.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("tab", "complete", "importing.complete", id="path.complete", show=False)
    ]

    @dataclass
    class Completions(Message):
        """What begins with the typed text was read from the disk."""

        value: str
        found: list[str]

    def __init__(
        self,
        placeholder: str,
        *,
        suffixes: frozenset[str] = frozenset(),
        on_paths: _OnPaths | None = None,
        id: str | None = None,
    ) -> None:
        suggester = PathSuggester(suffixes, lambda value, found: self.post_message(self.Completions(value, found)))
        super().__init__(placeholder, on_paths=on_paths, always=True, suggester=suggester, id=id)

    def action_complete(self) -> None:
        """Accept the completion; without one, or where only the slash of a folder is left, go on to the next field."""
        if self.cursor_at_end and len(self._suggestion.removesuffix("/")) > len(self.value.removesuffix("/")):
            self.action_cursor_right()
        else:
            self.screen.focus_next()


class _Offers(OptionList, can_focus=False):
    """The list that hangs below the input; the input keeps the focus."""


class PathField(Vertical):
    """A `PathInput` with a list below it: recent folders while it is empty, else what begins with the typed text.

    Down and up choose from the list, Enter takes, Escape closes it.

    Args:
        placeholder: as `PathInput`.
        suffixes: as `PathInput`.
        on_paths: as `PathInput`.
        id: the id of the input.
    """

    DEFAULT_CSS = """
    PathField { height: 1; width: 1fr; }
    PathField PathInput { width: 1fr; }
    PathField _Offers {
        display: none; overlay: screen; constrain: none inside;
        width: 100%; height: auto; max-height: 8; border: none; padding: 0; background: $panel-lighten-1;
        scrollbar-size-vertical: 1;
        & > .option-list--option-highlighted {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
        }
    }
    """

    def __init__(
        self,
        placeholder: str,
        *,
        suffixes: frozenset[str] = frozenset(),
        on_paths: _OnPaths | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__()
        self._input = PathInput(placeholder, suffixes=suffixes, on_paths=on_paths, id=id)
        self._recent: Sequence[Path] = ()
        self._values: list[str] = []

    def compose(self) -> ComposeResult:
        """Yield the input and its list."""
        yield self._input
        yield _Offers(markup=False, compact=True)

    @property
    def _list(self) -> _Offers:
        return self.query_one(_Offers)

    @property
    def offered(self) -> list[str]:
        """The paths in the open list; empty while it is closed."""
        return self._values

    def offer_recent(self, folders: Sequence[Path]) -> None:
        """Offer these folders while the input is empty."""
        self._recent = folders
        if self._input.has_focus and not self._input.value:
            self._offer_recent()

    def _offer_recent(self) -> None:
        self._open([typed_form(path) for path in self._recent], [shown_path(path) for path in self._recent])

    def _open(self, values: list[str], shown: list[str]) -> None:
        self._values = values
        offers = self._list
        offers.clear_options()
        offers.add_options(Option(Text(text, no_wrap=True, overflow="ellipsis")) for text in shown)
        offers.highlighted = None
        offers.display = bool(values)

    def close(self) -> None:
        """Close the list."""
        self._values = []
        self._list.display = False

    @on(PathInput.Completions)
    def _completed(self, message: PathInput.Completions) -> None:
        message.stop()
        if message.value != self._input.value or not self._input.has_focus:
            return
        found = [value for value in message.found if value != message.value]
        if len(found) > 1 or (found and message.value.endswith("/")):
            # a path is told apart by its last part
            self._open(found, [os.path.basename(value.rstrip("/")) + "/" * value.endswith("/") for value in found])  # noqa: PTH119
        else:
            self.close()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        if not event.value and self._input.has_focus:
            self._offer_recent()
        else:
            self.close()

    def on_descendant_focus(self) -> None:
        """Offer the recent folders in an empty input."""
        if not self._input.value:
            self._offer_recent()

    def on_descendant_blur(self) -> None:
        """Close the list: the focus is elsewhere. A click on the list takes it too, but is to choose from it."""
        if not self._list.mouse_hover:
            self.close()

    def on_key(self, event: events.Key) -> None:
        """Choose from the open list."""
        if not self._values:
            return
        offers = self._list
        if event.key in {"down", "up"}:
            event.stop()
            if event.key == "down":
                offers.action_cursor_down()
            else:
                offers.action_cursor_up()
        elif event.key == "escape":
            event.stop()
            self.close()
        elif event.key in {"enter", "tab"} and offers.highlighted is not None:
            event.stop()
            self._take(offers.highlighted, submit=event.key == "enter")

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._input.focus()
        self._take(event.option_index, submit=False)

    def _take(self, place: int, *, submit: bool) -> None:
        """Put a path of the list into the input; Enter on a recent folder means: this one, go."""
        was_empty = not self._input.value
        self._input.value = self._values[place]
        self._input.cursor_position = len(self._input.value)
        if submit and was_empty:
            self.post_message(Input.Submitted(self._input, self._input.value))
