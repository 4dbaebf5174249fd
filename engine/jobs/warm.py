"""Models held open between questions: at most two, and none whose bundle was replaced, renamed or removed meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from engine.models.bundle import BundleInfo, find_bundle
from engine.models.manifest import bundle_folders
from engine.models.manifest_check import MANIFEST_NAME
from engine.prediction.open_model import OpenModel
from engine.workspace import Workspace

if TYPE_CHECKING:
    from engine.prediction.neighbours import ScoredPhotos

MOST = 2
"""Models that are held at once: what was asked last, and what it is compared with."""

Stamp = tuple[int, int, int] | None


class WarmModels:
    """The open models of one workspace.

    Args:
        workspace: whose models.
        most: how many are held; the one that was asked least recently is closed for a further one.
    """

    def __init__(self, workspace: Workspace, most: int = MOST) -> None:
        self._workspace, self._most = workspace, most
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._meant: dict[str, str] = {}
        self._seen: object = None

    def find(self, ref: str) -> BundleInfo:
        """Return the model that a reference means; all manifests are only read when one of them has changed.

        Raises:
            NotFound, UsageError, DamagedFile: as `find_bundle`.
        """
        seen = self._look()
        if seen != self._seen:
            self._seen, self._meant = seen, {}
            self._close_changed()
        held = self._held.get(self._meant.get(ref, ""))
        if held is not None:
            return held.model.info
        return find_bundle(self._workspace, ref)

    def model(self, ref: str) -> OpenModel:
        """Return the model that a reference means, open.

        Args:
            ref: as for `find_bundle`; an empty text means the default one.

        Raises:
            NotFound, UsageError: there is no such model, or several. DamagedFile: it can't be trusted.
            NeedMissing: its network's weights are not here.
        """
        info = self.find(ref)
        held = self._held.get(info.model_id)
        if held is None:
            stamp = _stamp(info.path / MANIFEST_NAME)
            held = _Held(OpenModel(self._workspace, info), stamp)
            for other in self._held.values():
                held.model.embedder.share_runtime(other.model.embedder)
            self._held[info.model_id] = held
        self._meant[ref] = info.model_id
        self._held.move_to_end(info.model_id)
        while len(self._held) > self._most:
            _, oldest = self._held.popitem(last=False)
            oldest.model.close()
        return held.model

    def scored_photos(self, model: OpenModel) -> ScoredPhotos:
        """Return the scored photos as an open model sees them; read again after a score has changed."""
        from engine.prediction.neighbours import ScoredPhotos

        held = self._held[model.info.model_id]
        stamp = (_stamp(self._workspace.history_file), _stamp(self._workspace.scores_file))
        if held.among is None or held.among[0] != stamp:
            held.among = (stamp, ScoredPhotos(model))
        return held.among[1]

    def close(self) -> None:
        """Let go of all of them."""
        while self._held:
            self._held.popitem()[1].model.close()
        self._meant.clear()

    def _close_changed(self) -> None:
        for model_id, held in list(self._held.items()):
            if held.stamp is None or _stamp(held.model.info.path / MANIFEST_NAME) != held.stamp:
                del self._held[model_id]
                held.model.close()

    def _look(self) -> object:
        """Return what tells whether a reference may mean another model by now: a few µs a model."""
        manifests = tuple((folder.name, _stamp(folder / MANIFEST_NAME)) for folder in bundle_folders(self._workspace))
        return manifests, _stamp(self._workspace.settings_file)


class _Held:
    def __init__(self, model: OpenModel, stamp: Stamp) -> None:
        self.model, self.stamp = model, stamp
        self.among: tuple[object, ScoredPhotos] | None = None


def _stamp(path: Path) -> Stamp:
    """Return what changes when a file is replaced; None where there is none."""
    with contextlib.suppress(OSError):
        state = os.stat(path)  # noqa: PTH116 - asked for every model at every question
        return state.st_ino, state.st_mtime_ns, state.st_size
    return None
