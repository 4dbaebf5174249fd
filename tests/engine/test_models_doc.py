"""docs/MODELS.md tells of every family, option and backbone, with the catalogue's own defaults."""

import re

import pytest

from engine.features.backbones import list_backbones
from engine.models.catalog import FAMILIES
from engine.models.loss_terms import LOSSES
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "MODELS.md").read_text("utf-8")


def sections():
    """Return the text below each ### heading."""
    parts = re.split(r"^#{2,3} (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def row(name, param):
    """Return the line that the page must have for an option."""

    def shown(value):
        return f"{value:g}" if isinstance(value, int | float) else str(value) or "none"

    if param.choices:
        search = ", ".join(shown(choice) for choice in param.choices)
    else:
        search = "" if param.low is None else f"{shown(param.low)} … {shown(param.high)}"
    return f"| `{name}` | {shown(param.default)} | {search} |".replace("|  |", "| |")


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_each_family_has_its_options_with_their_defaults(family):
    text = sections()[family.name]
    wanted = [row(name, param) for name, param in {**family.options, **family.params}.items()]
    assert [line for line in text.splitlines() if line.startswith("| `")] == wanted
    assert "*Use it*" in text or family.trains_network


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_each_family_has_its_figures_at_each_size(family):
    text = sections()["What they achieve"]
    if family.trains_network:
        assert f"--families ridge,{family.name}" in text  # minutes a fit: how to measure it
        return
    assert len(re.findall(rf"^  {re.escape(family.name)} +0\.\d{{3}} .*\d$", text, re.MULTILINE)) == 3


def test_each_backbone_is_named_with_its_licence():
    text = sections()["Backbones"]
    for backbone in list_backbones():
        if backbone.source != "timm":
            line = next(line for line in text.splitlines() if line.startswith(f"| `{backbone.name}` "))
            for part in (f"{backbone.parameters / 1e6:.1f} M", f"{backbone.input} px", backbone.licence):
                assert f"| {part} |" in line


def test_each_loss_is_explained():
    assert all(f"`{loss}`" in sections()["Losses and augmentation"] for loss in LOSSES)
