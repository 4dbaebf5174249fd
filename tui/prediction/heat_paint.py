"""The heat map over a photo, as `tui.photo_drawing` draws it: in a thread, at the size that is shown."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from engine.prediction.explanation import HeatMap


@dataclass(frozen=True)
class HeatPaint:
    """Lays a heat map over a photo: warm where the score was raised, cold where it was lowered."""

    heat: HeatMap

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the photo with the heat map over it."""
        from engine.outputs.heat_map import overlay  # numpy: not before somebody wants to see one

        return overlay(image, self.heat)
