"""``beholder models rename``, ``note``, ``default`` and ``verify``: keep the models in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import UsageError, display_name
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.session import Session

if TYPE_CHECKING:
    from engine.models.bundle import BundleInfo
    from engine.models.verifying import BundleCheck

Model = Annotated[str, typer.Argument(metavar="ID", help=t("cli.models.id"))]
AsJson = Annotated[bool, typer.Option("--json", help=t("cli.option.json"))]
_MARKS = {"ok": "✔", "damaged": "✖", "missing": "!", "skipped": "–"}


def register(group: typer.Typer) -> None:
    """Add the commands to the group ``models``."""
    add_command(
        group,
        "rename",
        rename,
        help=t("models_cli.rename.help"),
        example='beholder models rename latest "lakes, first try"',
    )
    add_command(group, "note", note, help=t("models_cli.note.help"), example='beholder models note best "for the book"')
    add_command(
        group,
        "default",
        default,
        help=t("models_cli.default.help"),
        example="beholder models default latest\nbeholder models default none",
    )
    add_command(
        group,
        "verify",
        verify,
        help=t("models_cli.verify.help"),
        example="beholder models verify best\nbeholder models verify --all",
    )


def rename(
    context: typer.Context,
    model: Model,
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("models_cli.rename.name"))],
    as_json: AsJson = False,
) -> None:
    """Give a model another name."""
    from engine.models.bundle import find_bundle, rename_bundle

    session = Session.of(context)
    info = rename_bundle(session.workspace, find_bundle(session.existing_workspace(), model), name)
    if as_json:
        session.console.json(info.to_dict())
        return
    if info.name:
        session.console.line(t("models_cli.rename.done", model=info.model_id, name=display_name(info.name)))
    else:
        session.console.line(t("models_cli.rename.none", model=info.model_id))


def note(
    context: typer.Context,
    model: Model,
    text: Annotated[str, typer.Argument(metavar="TEXT", help=t("models_cli.note.text"))],
    as_json: AsJson = False,
) -> None:
    """Write a note about a model."""
    from engine.models.bundle import find_bundle, note_bundle

    session = Session.of(context)
    info = note_bundle(session.workspace, find_bundle(session.existing_workspace(), model), text)
    if as_json:
        session.console.json(info.to_dict())
        return
    session.console.line(t("models_cli.note.done" if info.note else "models_cli.note.none", model=info.model_id))


def default(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="[ID|none]", help=t("models_cli.default.id"))] = None,
    as_json: AsJson = False,
) -> None:
    """Say which model is used where none is named, or choose it."""
    from engine.models.bundle import default_model, find_bundle, set_default

    session = Session.of(context)
    workspace = session.existing_workspace()
    if model is not None:
        set_default(workspace, None if model == "none" else find_bundle(workspace, model))
    marked = default_model(workspace)
    if as_json:
        session.console.json({"default": marked or None})
    elif marked:
        session.console.line(t("models_cli.default.is", model=marked))
    else:
        session.console.line(t("models_cli.default.best"))


def verify(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="[ID]", help=t("cli.models.id"))] = None,
    everything: Annotated[bool, typer.Option("--all", help=t("models_cli.verify.all"))] = False,
    as_json: AsJson = False,
) -> int:
    """Check a model, or all of them, and print what was looked at."""
    from engine.models.bundle import damaged_bundles, find_bundle, list_bundles
    from engine.models.verifying import exit_code, verify_bundle

    session = Session.of(context)
    workspace = session.existing_workspace()
    if everything == (model is not None):
        raise UsageError("Name one model, or all of them.", remedy="beholder models verify ID, or --all")
    if model is not None:
        chosen = [find_bundle(workspace, model, even_damaged=True)]
    else:
        sound = list_bundles(workspace)
        damaged = damaged_bundles(workspace, sound)
        chosen = [*sound, *(find_bundle(workspace, name, even_damaged=True) for name in damaged)]
        if not chosen:
            find_bundle(workspace, "latest")  # says that there is none, and what to do
    found: list[dict[str, Any]] = []
    codes = set()
    for info in chosen:
        checks = verify_bundle(info)
        codes.add(exit_code(checks))
        if as_json:
            found.append(_to_dict(info, checks))
        else:
            _print(session, info, checks)
    if as_json:
        session.console.json(found if everything else found[0])
    return next((code for code in (4, 5) if code in codes), 0)


def _to_dict(info: BundleInfo, checks: list[BundleCheck]) -> dict[str, Any]:
    from engine.models.verifying import exit_code

    state = {0: "ok", 4: "damaged", 5: "missing"}[exit_code(checks)]
    return {"model_id": info.model_id, "state": state, "checks": [check.to_dict() for check in checks]}


def _print(session: Session, info: BundleInfo, checks: list[BundleCheck]) -> None:
    from engine.models.verifying import exit_code

    console = session.console
    console.line(console.bold(display_name(f"{info.model_id} {info.name}".strip())))
    for check in checks:
        subject = f": {display_name(check.subject)}" if check.subject else ""
        what = t(f"models_cli.check.{check.kind}")
        console.line(f"  {_MARKS[check.state]} {what}{subject}")
        for message in (check.message, check.remedy):
            if message is not None:
                console.line(f"      {say(message)}")
    console.line(f"  {t(f'models_cli.verdict.{exit_code(checks)}')}")
