"""Check a bundle thoroughly and say what was looked at, one line a check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import BeholderError, DamagedFile, Message
from engine.models.manifest import BundleInfo, read_manifest
from engine.models.soundness import (
    FAMILIAR_NAME,
    GOLDEN_NAME,
    check_features,
    check_golden,
    check_hash,
    check_network,
    load_familiar,
    load_scorer,
    stray_files,
)

if TYPE_CHECKING:
    from engine.models.base import Scorer

State = Literal["ok", "damaged", "missing", "skipped"]
Kind = Literal["manifest", "file", "strays", "model", "golden", "features"]


@dataclass(frozen=True)
class BundleCheck:
    """One thing that was looked at.

    Args:
        kind: what: the manifest; one file's hash; whether there are other files; whether the model loads; whether it
            predicts the golden rows as before; whether this machine computes the features it was trained on.
        subject: the file or the network in question; empty where the kind says it.
        state: ``ok``; ``damaged``; ``missing``: not the bundle's fault, this machine lacks something; ``skipped``: it
            could not be looked at because of a fault that was found before.
        message: what is wrong, and what to do about it; None where all is well.
    """

    kind: Kind
    subject: str
    state: State
    message: Message | None = None
    remedy: Message | None = None

    @property
    def is_ok(self) -> bool:
        """Whether this was looked at and found sound."""
        return self.state == "ok"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return {
            "check": self.kind,
            "subject": self.subject,
            "state": self.state,
            "message": None if self.message is None else str(self.message),
            "remedy": None if self.remedy is None else str(self.remedy),
        }


def verify_bundle(info: BundleInfo) -> list[BundleCheck]:
    """Check a bundle: manifest, each file's hash, no stray files, the model loads, golden rows, features.

    Whatever is wrong becomes a check that says so; nothing is raised for it, and nothing is changed.
    """
    return list(_checks(info))


def exit_code(checks: list[BundleCheck]) -> int:
    """Return the contract's exit code: 4 where something is damaged, 5 where this machine lacks something, else 0."""
    states = {check.state for check in checks}
    return 4 if "damaged" in states else 5 if "missing" in states else 0


def _checks(info: BundleInfo) -> Iterator[BundleCheck]:
    try:
        manifest = read_manifest(info)
    except BeholderError as error:
        yield _failed("manifest", "", error, damage=True)
        return
    yield BundleCheck("manifest", "", "ok")
    whole = True
    for name, expected in manifest["files"].items():
        try:
            check_hash(info.path / name, expected)
        except BeholderError as error:
            whole = False
            yield _failed("file", name, error, damage=True)
        else:
            yield BundleCheck("file", name, "ok")
    strays = list(stray_files(info.path, manifest))
    for name, fault in strays:
        message = Message("{path}: {cause}.", {"path": info.path / name, "cause": fault})
        remedy = Message("Move that file away; beholder did not put it there.")
        yield BundleCheck("strays", name, "damaged", message, remedy)
    if not strays:
        yield BundleCheck("strays", "", "ok")
    yield from _model_checks(info, manifest, whole and not strays)
    try:
        check_features(manifest, info.path)
        if whole:
            check_network(info.path, manifest)
    except BeholderError as error:
        yield _failed("features", info.backbone, error)
    else:
        yield BundleCheck("features", info.backbone, "ok")


def _model_checks(info: BundleInfo, manifest: dict[str, Any], whole: bool) -> Iterator[BundleCheck]:
    """Load and ask the model, but only one whose files are those that were saved."""
    if not whole or GOLDEN_NAME not in manifest["files"]:
        reason = Message("Not looked at, because the files are damaged.")
        yield BundleCheck("model", info.model, "skipped", reason)
        if whole:
            missing = Message("There is no {path}.", {"path": info.path / GOLDEN_NAME})
            yield BundleCheck("golden", "", "damaged", missing)
        else:
            yield BundleCheck("golden", "", "skipped", reason)
        return
    scorer: Scorer | None = None
    try:
        scorer = load_scorer(info.path, manifest)
        yield BundleCheck("model", info.model, "ok")
        rows = check_golden(info.path, manifest, scorer)
    except BeholderError as error:
        yield _failed("model" if scorer is None else "golden", info.model if scorer is None else "", error)
        if scorer is None:
            yield BundleCheck("golden", "", "skipped", Message("Not looked at, because the model can't be loaded."))
    else:
        yield BundleCheck("golden", str(rows), "ok")
        yield from _familiar_check(info, manifest)


def _familiar_check(info: BundleInfo, manifest: dict[str, Any]) -> Iterator[BundleCheck]:
    """Look at what tells far photos, where the bundle has it; only a fault is worth a line of its own."""
    try:
        load_familiar(info.path, manifest)
    except BeholderError as error:
        yield _failed("model", FAMILIAR_NAME, error)


def _failed(kind: Kind, subject: str, error: BeholderError, *, damage: bool = False) -> BundleCheck:
    state: State = "damaged" if damage or isinstance(error, DamagedFile) else "missing"
    return BundleCheck(kind, subject, state, error.message, error.remedy if error.remedy.template else None)
