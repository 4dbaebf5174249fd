"""Describe one of timm's networks as JSON: ``python -m engine.features.timm_record NAME``; imports torch and timm."""

from __future__ import annotations

import difflib
import math
import sys
from typing import Any

import timm
import timm.data
import torch

from engine.errors import BeholderError, NotFound, UsageError
from engine.features.beside import answer

_KINDS = {"center": "crop", "squash": "squash", "border": "border"}


def describe(name: str) -> dict[str, Any]:
    """Return what `engine.features.timm_networks` remembers of a network.

    It is built on torch's meta device, where nothing is computed or allocated.

    Args:
        name: timm's name, with or without a tag.

    Returns:
        architecture (with its tag), width of the pooled vector before the classifier, parameters, licence, preprocess,
        head and aside: see `engine.features.backbones.Backbone`.

    Raises:
        UsageError: there is no such network, or it takes no square pictures of three colours.
    """
    known = timm.list_models(pretrained=True)
    base, _, tag = name.partition(".")
    if not timm.is_model(base) or (tag and name not in known):
        raise _unknown(name, known)
    with torch.device("meta"):
        network: Any = timm.create_model(name, pretrained=False).eval()
    settings = network.pretrained_cfg
    config = _data(network)
    channels, height, width = config["input_size"]
    if channels != 3 or height != width or config["interpolation"] not in {"bilinear", "bicubic"}:
        raise UsageError(
            "timm's network {name} takes pictures of {channels} × {height} × {width}, not square ones in colour.",
            remedy="Choose another backbone: beholder backbones",
            name=name,
            channels=channels,
            height=height,
            width=width,
        )
    heads = settings.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    # some classifiers are named where a network of features alone has none
    heads = tuple(head for head in heads if _has(network, head))
    full = settings.get("architecture") or base
    return {
        "architecture": f"{full}.{settings['tag']}" if settings.get("tag") else full,
        "width": _width(network, height),
        "parameters": sum(numbers.numel() for numbers in network.parameters()),
        "licence": settings.get("license") or "unknown",
        "preprocess": {
            "kind": _KINDS[config["crop_mode"]],
            "size": height,
            "resize": math.floor(height / config["crop_pct"]),
            "interpolation": config["interpolation"],
            "mean": list(config["mean"]),
            "std": list(config["std"]),
        },
        "head": heads[0] if heads else "",
        "aside": list(heads[1:]),
    }


def _data(network: Any) -> dict[str, Any]:
    data: Any = timm.data
    return dict(data.resolve_model_data_config(network))


def _has(network: Any, part: str) -> bool:
    try:
        return any(True for _ in network.get_submodule(part).parameters())
    except AttributeError:
        return False


def _width(network: Any, size: int) -> int:
    with torch.inference_mode():
        maps = network.forward_features(torch.empty(1, 3, size, size, device="meta"))
        return int(network.forward_head(maps, pre_logits=True).shape[1])


def _unknown(name: str, known: list[str]) -> UsageError:
    words = name.lower().replace("-", "_")
    within = [other for other in known if words and words in other]
    within.sort(key=lambda other: not other.startswith(words))
    near = within[:3]
    if not near:
        # people forget the signs between the words, and the tag: the architecture alone is compared, without them
        bases = {other.partition(".")[0].replace("_", ""): other for other in reversed(known)}
        close = difflib.get_close_matches(words.partition(".")[0].replace("_", ""), bases, n=3, cutoff=0.4)
        near = [bases[base] for base in close]
    return UsageError(
        "timm has no network “{name}”.",
        remedy="The nearest are: {names}. All of them: timm.list_models(pretrained=True)",
        name=name,
        names=", ".join(f"timm:{other}" for other in dict.fromkeys(near)) or "timm:resnet50.a1_in1k",
    )


def main(name: str) -> None:
    """Answer with the description, or with the error."""
    try:
        answer(describe(name))
    except BeholderError as error:
        answer(error)
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
        # what timm raises of a network that can't be built without more than its name
        lost = NotFound(
            "timm's network {name} can't be used: {cause}.",
            remedy="Choose another backbone: beholder backbones",
            name=name,
            cause=(str(error).splitlines() or [type(error).__name__])[0],
        )
        answer(lost)


if __name__ == "__main__":
    main(sys.argv[1])
