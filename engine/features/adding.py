"""Make a weights file a backbone's own: checked against the network, kept as safetensors in the cache folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import BeholderError, DamagedFile
from engine.features.backbones import Backbone
from engine.features.weights import added_file, named_file, own_file
from engine.storage import disk_errors, require_space, sync_folder

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Added:
    """What became of a weights file.

    Args:
        path: where it lies now.
        tensors: how many of its tensors the network has.
        replaced: the file that served until now; None if there was none.
    """

    path: Path
    tensors: int
    replaced: Path | None


def add_weights(backbone: Backbone, file: Path | str) -> Added:
    """Check a weights file and keep it as the backbone's own: from now on ``default`` means it.

    The file itself is not touched. Weights that were added before are replaced; a publisher's file stays where it is,
    and is used again once the added one is deleted.

    Args:
        backbone: which network.
        file: a ``.safetensors``, ``.pth``, ``.pt`` or ``.bin`` file of named tensors.

    Raises:
        NotFound: there is no such file. UsageError: it is of another kind.
        DamagedFile: it is no weights file, or not of this network: the tensor is named.
        NeedMissing: the disk is full or can't be written.
    """
    import torch

    from engine.features.networks import build_classifier, matching_state, read_state

    path = named_file(str(file))
    before, target = own_file(backbone.name, backbone.weights_file), added_file(backbone.name)
    with torch.device("meta"):
        own = build_classifier(backbone).state_dict()
    state = matching_state(backbone, own, read_state(path), path)
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise DamagedFile(
                "{path} holds numbers that are not finite, in {name}.",
                remedy="Get the file once more, or from elsewhere.",
                path=path,
                name=name,
            )
    _save(state, target)
    return Added(target, len(state), before)


def _save(state: Mapping[str, Tensor], target: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    require_space(target.parent, sum(tensor.nbytes for tensor in state.values()) + 1_000_000)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with disk_errors(target):
            try:
                # tensors that share their memory, as tied weights do, are written one by one
                save_file({name: tensor.detach().clone().contiguous() for name, tensor in state.items()}, part)
            except SafetensorError as error:
                raise BeholderError(
                    "The weights could not be written to {path}: {cause}.",
                    remedy="Free some space and run the same again; nothing that was there before has changed.",
                    path=target,
                    cause=str(error),
                ) from error
            with part.open("rb+") as written:
                os.fsync(written.fileno())
            part.replace(target)
            sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
