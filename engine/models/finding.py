"""Find models: all of them, sorted and filtered, and the one that an id, a name or a word such as ``best`` means."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engine.errors import BeholderError, NotFound, UsageError
from engine.models.manifest import BundleInfo, bundle_folders, read_info, read_manifest_file
from engine.natural_order import natural_key
from engine.workspace import Workspace

DEFAULT_REFS = ("", "default")
SORT_KEYS = ("date", "name", "model", "backbone", "n", "srcc", "mae")


def list_bundles(workspace: Workspace) -> list[BundleInfo]:
    """Return all bundles whose manifest can be read, newest first."""
    found = []
    for folder in bundle_folders(workspace):
        try:
            found.append(read_info(folder))
        except BeholderError:
            continue  # `damaged_bundles` names it; it must not hide the sound ones
    return sorted(found, key=lambda info: (info.created, info.model_id), reverse=True)


def best_first(bundles: Iterable[BundleInfo]) -> list[BundleInfo]:
    """Return bundles by how well they rank photos that they never saw, the newer one of equals first.

    Cross-validated figures, which rest on every score, are compared with each other. One of a test part alone, such
    as a fine-tuned network has, can't be: those few photos may be easy ones. Its model stands before the first of
    the others that did worse on a test part. Models that came from elsewhere are behind those that were made here:
    their figures are of other photos, and were written down by somebody else.
    """
    found = list(bundles)
    own, foreign = [info for info in found if not info.imported], [info for info in found if info.imported]
    return _by_quality(own) + _by_quality(foreign)


def _by_quality(bundles: Iterable[BundleInfo]) -> list[BundleInfo]:
    best = sorted(bundles, key=lambda info: (info.rank_quality, info.created), reverse=True)
    ranked = [info for info in best if info.is_cross_validated]
    for info in best:
        if not info.is_cross_validated:
            worse = (place for place, other in enumerate(ranked) if other.tested < info.tested)
            ranked.insert(next(worse, len(ranked)), info)
    return ranked


def damaged_bundles(workspace: Workspace, listed: Iterable[BundleInfo]) -> list[str]:
    """Return the ids of the bundles that `list_bundles` left out of its list."""
    sound = {info.model_id for info in listed}
    return sorted(folder.name for folder in bundle_folders(workspace) if folder.name not in sound)


def sorted_bundles(bundles: Iterable[BundleInfo], key: str = "date", reverse: bool = False) -> list[BundleInfo]:
    """Return bundles in an order, what one looks for first: the newest, the most scores, the best figures, A before Z.

    Args:
        bundles: what is sorted.
        key: one of `SORT_KEYS`; srcc and mae are those over unseen photos.
        reverse: the other way round. What has no figure, or no name, comes last both ways.

    Raises:
        UsageError: there is no such key.
    """
    if key not in _VALUES:
        raise UsageError(
            "Models can't be sorted by “{key}”.",
            remedy="Choose one of: {choices}.",
            key=key,
            choices=", ".join(_VALUES),
        )
    if key == "srcc":
        ordered = _by_quality(bundles)
        measured = [info for info in ordered if info.unseen("srcc") is not None]
        rest = [info for info in ordered if info.unseen("srcc") is None]
        return (measured[::-1] if reverse else measured) + rest
    value, largest_first = _VALUES[key]
    newest_first = sorted(bundles, key=lambda info: (info.created, info.model_id), reverse=True)
    known = [info for info in newest_first if value(info) is not None]
    unknown = [info for info in newest_first if value(info) is None]
    # with `reverse`, sorted keeps the order of equals, so that the newer of two stays first
    return sorted(known, key=value, reverse=largest_first != reverse) + unknown


def filtered_bundles(bundles: Iterable[BundleInfo], text: str) -> list[BundleInfo]:
    """Return the bundles in which every word of `text` occurs: in name, id, family, backbone or note, in any case."""
    words = _folded(text).split()
    return [info for info in bundles if all(word in _folded(_words_of(info)) for word in words)]


def _words_of(info: BundleInfo) -> str:
    return "\n".join((info.name, info.model_id, info.model, info.backbone, info.note))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _text_key(text: str) -> Any:
    return natural_key(text) if text else None


_VALUES: Mapping[str, tuple[Callable[[BundleInfo], Any], bool]] = {
    "date": (lambda info: (info.created, info.model_id), True),
    "name": (lambda info: _text_key(info.name), False),
    "model": (lambda info: _text_key(info.model), False),
    "backbone": (lambda info: _text_key(info.backbone), False),
    "n": (lambda info: info.n, True),
    "srcc": (lambda info: info.unseen("srcc"), True),
    "mae": (lambda info: info.unseen("mae"), False),
}


def default_model(workspace: Workspace) -> str:
    """Return the id of the model that is marked as default; empty where none is, or it is gone.

    Raises:
        DamagedFile: the settings can't be read.
    """
    model_id = workspace.settings().default_model
    return model_id if any(folder.name == model_id for folder in bundle_folders(workspace)) else ""


def set_default(workspace: Workspace, info: BundleInfo | None) -> None:
    """Mark a model as the one that is used where none is named; None: the best one is, whichever that is by then.

    Raises:
        BeholderError: the settings can't be read or written.
    """
    workspace.change_settings(default_model="" if info is None else info.model_id)


def preferred_first(workspace: Workspace, bundles: Iterable[BundleInfo]) -> list[BundleInfo]:
    """Return bundles in the order in which one is used where none is named: the default, then by `best_first`."""
    ordered = best_first(bundles)
    marked = ""
    with contextlib.suppress(BeholderError):  # whoever needs the settings tells what is wrong with them
        marked = workspace.settings().default_model
    return sorted(ordered, key=lambda info: info.model_id != marked) if marked else ordered


def find_bundle(workspace: Workspace, ref: str = "best", *, even_damaged: bool = False) -> BundleInfo:
    """Return the bundle that an id, a unique prefix of one, a name, ``latest``, ``best`` or ``default`` means.

    ``best`` is the one that ranks unseen photos best; see `best_first`. ``default``, and an empty text,
    is the one that `set_default` marked; where none is, or it was removed, the best.

    Args:
        workspace: where to look.
        ref: what is meant.
        even_damaged: return one whose manifest can't be read too, so that it can be removed.

    Raises:
        NotFound: there is no model at all, or none that is meant.
        UsageError: a prefix or name fits several.
        DamagedFile: the one that is meant can't be read.
    """
    if ref in DEFAULT_REFS:
        ref = _default_ref(workspace)
    bundles = list_bundles(workspace)
    if not bundles and not any(folder.name.startswith(ref) for folder in bundle_folders(workspace)):
        raise NotFound("There is no trained model in {path}.", remedy="Train one: beholder train", path=workspace.root)
    if ref == "latest" and bundles:
        return bundles[0]
    if ref == "best" and bundles:
        return best_first(bundles)[0]
    exact = [info for info in bundles if ref == info.model_id] or [info for info in bundles if ref == info.name]
    near = exact or [info for info in bundles if info.model_id.startswith(ref)]
    if len(near) == 1:
        return near[0]
    if near:
        raise _several(ref, near)
    for folder in bundle_folders(workspace):
        if even_damaged and folder.name == ref:
            return BundleInfo(folder.name, "", "", "", "", 0, {}, folder)
        if folder.name.startswith(ref):
            read_manifest_file(folder)
    raise NotFound("There is no model “{ref}”.", remedy="See the list: beholder models", ref=ref)


def _default_ref(workspace: Workspace) -> str:
    """Return the id that ``default`` means; a mark on a model that is gone is forgotten."""
    marked = workspace.settings().default_model
    if not marked:
        return "best"
    if any(folder.name == marked for folder in bundle_folders(workspace)):
        return marked
    # a workspace that can't be written keeps the mark; it does no harm
    with contextlib.suppress(BeholderError):
        set_default(workspace, None)
    return "best"


def _several(ref: str, near: Sequence[BundleInfo]) -> UsageError:
    return UsageError(
        "“{ref}” fits several models: {choices}.",
        remedy="Write more of the id.",
        ref=ref,
        choices=", ".join(info.model_id for info in near),
    )
