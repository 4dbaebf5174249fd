"""What all screens share: the header line, the footer, translated keys, help, background work."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.screen import ModalScreen, Screen
from textual.worker import Worker

from tui.keymap import translated
from tui.widgets.job_bar import HeaderLine
from tui.widgets.key_footer import KeyFooter

if TYPE_CHECKING:
    from engine.workspace import Workspace
    from tui.app import BeholderApp

ResultT = TypeVar("ResultT")
Work = Coroutine[Any, Any, None] | Callable[[], Coroutine[Any, Any, None]]


class BaseScreen(Screen[None]):
    """One room of the app.

    A subclass composes its widgets in `body` and puts the present state into them in `fill`, which runs after
    mounting and again after the language changed.
    """

    area: ClassVar[str] = "home"
    """Its name: home, import, data, train, predict, models or jobs."""
    help_key: ClassVar[str] = "app.help.home"
    """I18n key of the paragraph that F1 shows above the keys."""
    keys_are_known: ClassVar[bool] = False
    """Whether `check_action` can answer before the screen's widgets are there: then the first frame shows the keys."""
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._was_left = False

    @property
    def beholder(self) -> BeholderApp:
        """The app, with its type."""
        return cast("BeholderApp", self.app)

    @property
    def workspace(self) -> Workspace:
        """The workspace that the app was opened on."""
        return self.beholder.workspace

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that work now, in the present language."""
        return translated(super().active_bindings)

    def compose(self) -> ComposeResult:
        """Yield the header line, the screen's own widgets and the footer."""
        yield HeaderLine(self.area)
        yield from self.body()
        yield KeyFooter(self.keys_are_known)

    def body(self) -> ComposeResult:
        """Yield the screen's own widgets."""
        yield from ()

    def on_mount(self) -> None:
        """Fill the widgets for the first time."""
        self.fill()

    def fill(self) -> None:
        """Put the present state into freshly composed widgets."""

    def came_back(self) -> None:
        """Look again at what another room or person may have changed: this room was left and is shown again."""

    def on_screen_suspend(self) -> None:
        """Note that another room is shown; a dialog over this one does not count.

        If it did, an error of `came_back` would open its dialog again each time the person closes it.
        """
        self._was_left = self._was_left or any(
            isinstance(top, BaseScreen) and top is not self for top in self.app.screen_stack[-1:]
        )

    def on_screen_resume(self) -> None:
        """Look again if the room was left."""
        if self._was_left:
            self._was_left = False
            self.came_back()

    async def retranslate(self) -> None:
        """Compose again in the present language."""
        if self.is_mounted:
            await self.recompose()
            self.fill()
            self.refresh_bindings()

    def in_background(self, work: Work, group: str) -> Worker[None]:
        """Run work as a worker of the app: it outlives this screen, its errors become a dialog.

        Args:
            work: a coroutine, or a function that returns one; it posts messages and touches no widget.
            group: a newer worker of the same group ends the older one.
        """
        return self.beholder.in_background(work, group)


class BaseDialog(ModalScreen[ResultT]):
    """A modal dialog that returns a value; its keys are translated like a screen's."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that work now, in the present language."""
        return translated(super().active_bindings)
