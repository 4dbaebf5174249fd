"""What one run of the command line knows: the workspace and where to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import BeholderError, NotFound
from engine.workspace import Workspace
from tui.console import Console

if TYPE_CHECKING:
    import typer


@dataclass(frozen=True)
class Session:
    """Made once in `tui.cli.main` and handed to every command.

    Args:
        workspace: the workspace that is meant; it may not exist yet.
        console: the streams.
        pictures: how the app is to draw photos; None means: as the workspace remembers.
        low_bandwidth: whether the app is to send as little as it can.
    """

    workspace: Workspace
    console: Console
    pictures: str | None = None
    low_bandwidth: bool = False

    @classmethod
    def of(cls, context: typer.Context) -> Session:
        """Return the session of a running command."""
        session = context.find_object(cls)
        assert session is not None
        return session

    def wanted_pictures(self) -> str:
        """Return how photos are to be drawn, one of `PICTURES`: as asked for, else as the workspace remembers."""
        try:
            return self.pictures or self.workspace.settings().pictures or "half"
        except BeholderError:
            return "half"  # whoever needs the settings tells what is wrong with them

    def existing_workspace(self) -> Workspace:
        """Return the workspace.

        Raises:
            NotFound: the folder is none.
        """
        if not self.workspace.exists():
            raise NotFound(
                "{path} is not a workspace.",
                remedy="Make one with: beholder init. Or name another one with --workspace.",
                path=self.workspace.root,
            )
        return self.workspace
