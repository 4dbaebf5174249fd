"""ICC profiles that tests make byte by byte, and what they mean, worked out without LittleCMS."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Triple = tuple[float, float, float]

# Columns: the XYZ of red, green and blue, seen under D50 as profiles want it.
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_GAMMA = 563 / 256
D50: Triple = (0.9642, 1.0, 0.8249)


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">LH", 1, round(gamma * 256))


def _profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(D50), **tags}
    place, table, content = 128 + 4 + 12 * len(tags), struct.pack(">L", len(tags)), b""
    for name, value in tags.items():
        padded = value + b"\0" * (-len(value) % 4)
        table += name + struct.pack(">LL", place + len(content), len(value))
        content += padded
    size = place + len(content)
    head = struct.pack(">L4sL4s4s4s", size, b"\0" * 4, 0x02100000, kind, space, pcs)
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _fixed(*D50)
    return head.ljust(128, b"\0") + table + content


def rgb_profile(columns: Floats, gamma: float) -> bytes:
    """Return the profile of a screen or camera with these primaries and one gamma."""
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma(gamma))
    primaries = {name: _xyz(columns[:, place].tolist()) for place, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _profile(b"mntr", b"RGB ", b"XYZ ", {**primaries, **curves})


def gray_profile(gamma: float) -> bytes:
    """Return the profile of gray pictures with a gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _gamma(gamma)})


INKS: dict[tuple[int, ...], Triple] = {(1, 0, 0): (55, -37, -50), (0, 1, 0): (48, 74, -3), (0, 0, 1): (89, -5, 93)}


def cmyk_profile() -> bytes:
    """Return the profile of a press whose single inks look like `INKS` (L*a*b*); black is black, paper is white."""
    table = bytearray()
    for cyan, magenta, yellow, black in product((0, 1), repeat=4):
        laid = [INKS[tuple(int(k == n) for k in range(3))] for n, on in enumerate((cyan, magenta, yellow)) if on]
        share = 0.0 if black else 1.0
        lightness = share * (min((ink[0] for ink in laid), default=100.0) - 10 * max(len(laid) - 1, 0))
        a, b = (share * float(np.mean([ink[n] for ink in laid] or [0.0])) for n in (1, 2))
        table += bytes((round(lightness * 2.55), round(a + 128), round(b + 128)))
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + bytes(table) + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut, b"A2B1": lut, b"A2B2": lut})


def encoded(linear: Floats) -> NDArray[np.int64]:
    """Return 8-bit sRGB of linear light 0 … 1."""
    linear = np.clip(linear, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * curved).astype(np.int64)


def as_srgb(colours: NDArray[np.uint8], columns: Floats, gamma: float) -> NDArray[np.int64]:
    """Return what (…, 3) colours of a profile by `rgb_profile` are in sRGB."""
    light = (colours / 255.0) ** gamma
    return encoded(light @ (np.linalg.inv(SRGB) @ columns).T)


def lab_as_srgb(lab: Triple) -> NDArray[np.int64]:
    """Return what L*a*b* under D50 is in sRGB."""
    middle = (lab[0] + 16) / 116
    roots = np.array([middle + lab[1] / 500, middle, middle - lab[2] / 200])
    shares = np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29))
    return encoded(np.linalg.inv(SRGB) @ (shares * np.array(D50)))
