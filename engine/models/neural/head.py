"""A trained head as plain arrays: predicting, saving and loading need numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.arrays import load_arrays, save_arrays
from engine.models.base import Features, Scores
from engine.models.damaged import damaged_model

_NAMES = ("centre", "first", "first_bias", "norm", "norm_bias", "last", "last_bias", "unit")
NORM_EPSILON = 1e-5
_CHUNK = 1024


@dataclass(frozen=True)
class Head:
    """K small networks whose mean is the score: features → linear → LayerNorm → SiLU → linear; or linear alone.

    Standardising and rotating the features are folded into the first layer.

    Args:
        centre: (D,) float32, subtracted from the features.
        first: (K, D, H) float32, and its bias (K, H); H is 0 where there is no hidden layer.
        norm: (K, H) float32, LayerNorm's factor, and its bias (K, H).
        last: (K, H) float32, or (K, D) without a hidden layer, and its bias (K,).
        unit: (2,) float64, mean and spread: from the networks' output to scores.
    """

    centre: NDArray[np.float32]
    first: NDArray[np.float32]
    first_bias: NDArray[np.float32]
    norm: NDArray[np.float32]
    norm_bias: NDArray[np.float32]
    last: NDArray[np.float32]
    last_bias: NDArray[np.float32]
    unit: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Length of the feature vectors that it takes."""
        return int(self.centre.shape[0])

    def raw(self, features: Features) -> Scores:
        """Return the networks' (N,) mean output, in standardised scores, for (N, D) features."""
        if features.ndim != 2 or features.shape[1] != self.width:
            raise ValueError(f"features of shape {features.shape}, not (N, {self.width})")
        # in parts: K hidden layers of very many photos would fill the memory
        parts = [self._raw(features[start : start + _CHUNK]) for start in range(0, len(features), _CHUNK)]
        found: Scores = np.concatenate(parts) if parts else np.zeros(0)
        return found

    def _raw(self, features: Features) -> Scores:
        rows = features.astype(np.float64) - self.centre
        total = np.zeros(rows.shape[0])
        for member in range(self.last.shape[0]):
            hidden = rows
            if self.first.shape[2]:
                hidden = rows @ self.first[member] + self.first_bias[member]
                hidden -= hidden.mean(axis=1, keepdims=True)
                hidden /= np.sqrt((hidden**2).mean(axis=1, keepdims=True) + NORM_EPSILON)
                hidden = hidden * self.norm[member] + self.norm_bias[member]
                # SiLU; tanh can't overflow as exp can
                hidden = hidden * (0.5 + 0.5 * np.tanh(0.5 * hidden))
            total += hidden @ self.last[member] + self.last_bias[member]
        return np.asarray(total / self.last.shape[0], np.float64)

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores, not clipped, for (N, D) float32 features."""
        return self.raw(features) * float(self.unit[1]) + float(self.unit[0])

    def save(self, path: Path) -> None:
        """Write a ``.safetensors`` file.

        Raises:
            BeholderError: the place can't be written.
        """
        save_arrays(path, {name: getattr(self, name) for name in _NAMES})

    @classmethod
    def load(cls, path: Path) -> Head:
        """Return the head that `save` wrote.

        Raises:
            DamagedFile: it is not what `save` writes. NotFound: there is no such file.
        """
        arrays: dict[str, NDArray[Any]] = load_arrays(path, _NAMES)
        members, width = arrays["last"].shape[0] if arrays["last"].ndim == 2 else 0, arrays["centre"].size
        hidden = arrays["first"].shape[-1] if arrays["first"].ndim == 3 else -1
        shapes = {
            "centre": (width,),
            "first": (members, width if hidden else 0, hidden),
            "first_bias": (members, hidden),
            "norm": (members, hidden),
            "norm_bias": (members, hidden),
            "last": (members, hidden or width),
            "last_bias": (members,),
            "unit": (2,),
        }
        for name, shape in shapes.items():
            wanted = np.float64 if name == "unit" else np.float32
            if not members or arrays[name].shape != shape or arrays[name].dtype != wanted:
                raise damaged_model(path, f"“{name}” is {arrays[name].dtype} {arrays[name].shape}")
        return cls(**{name: arrays[name] for name in _NAMES})
