"""A model held open: bundle loaded, network ready when needed, feature cache open; asked as often as one likes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from engine.events import Notice
from engine.features.backbones import Backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, Embedder
from engine.models.bundle import Bundle, BundleInfo, load_bundle
from engine.prediction.judge import Judge
from engine.prediction.predicted import Prediction
from engine.workspace import Scale, Workspace

if TYPE_CHECKING:
    from engine.prediction.grad_cam import GradientMaps


class OpenModel:
    """One model that predicts; a context manager.

    Args:
        workspace: its feature cache is used and filled.
        info: the model.

    Raises:
        DamagedFile: the bundle is damaged, or its features are no longer computed the same way.
        NeedMissing: the backbone's weights are not on this machine.
    """

    def __init__(self, workspace: Workspace, info: BundleInfo) -> None:
        self.workspace, self.info = workspace, info
        self.bundle: Bundle = load_bundle(info)
        self.judge = Judge(self.bundle)
        self._held = ExitStack()
        try:
            self.cache: FeatureCache = self._held.enter_context(FeatureCache(workspace.features_file))
            self.embedder: Embedder = self._held.enter_context(
                Embedder(self.judge.backbone, cache=self.cache, weights=self.judge.weights)
            )
        except BaseException:
            self._held.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the cache and the threads."""
        self._held.close()

    @property
    def backbone(self) -> Backbone:
        """The network whose vectors the model takes."""
        return self.judge.backbone

    @property
    def scale(self) -> Scale:
        """The scale of its scores."""
        return self.judge.scale

    @cached_property
    def gradients(self) -> GradientMaps:
        """The network as torch runs it, loaded when it is first asked for, to find where scores come from."""
        from engine.prediction.grad_cam import GradientMaps

        return GradientMaps(self.backbone, self.embedder.weights)

    def predict(self, paths: Sequence[Path]) -> Iterator[Notice | Prediction]:
        """Yield a prediction for each photo, in order, after the notices there are."""
        found: list[Embedded] = []
        for event in self.embedder.batch(paths):
            if isinstance(event, Embedded):
                found.append(event)
            else:
                yield event
        yield from self.judge(found)
