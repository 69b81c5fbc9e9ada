"""Features of a folder of pictures: decoding and network at the same time, against a plain loop that alternates.

    python benchmarks/feature_extraction.py [--features random] [--pictures 4000] [--side 256] [--batch 64]

Features `filled-inception` are those of FID's network with random weights, whose speed is that of the published ones.
Pictures are JPEG files made here. The plain loop opens, resizes and stacks each batch with Pillow, and then runs the
network on it, as scripts do. Both use the same network and give the same features; the cache is empty.
"""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from harness import make_parser, measure
from PIL import Image
from safetensors.torch import save_file

import imagewright as iw
from imagewright.metrics.features.extraction import extract_features
from imagewright.metrics.features.run_features import open_features
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pretrained.features.contract import FeatureNetwork
from imagewright.pretrained.inception import open_inception, published_shapes


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--features", nargs="+", default=["random"])
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def write_pictures(folder: Path, count: int, side: int) -> None:
    """Smooth random pictures: decoding one takes as long as decoding a photograph."""
    generator = np.random.default_rng(0)
    for number in range(count):
        coarse = generator.integers(0, 256, (16, 16, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:05d}.jpg", quality=90)


def open_network(name: str, folder: Path) -> FeatureNetwork:
    """The network of that name; `filled-inception` is written to the folder first."""
    return open_filled_inception(folder) if name == "filled-inception" else open_features(name)


def open_filled_inception(folder: Path) -> FeatureNetwork:
    """Inception with random weights of unit gain, so that signals pass through all layers: nothing is downloaded."""
    random = torch.Generator().manual_seed(0)
    state = {}
    for tensor, shape in published_shapes().items():
        if len(shape) > 1:
            state[tensor] = torch.randn(shape, generator=random) * (2 / np.prod(shape[1:])) ** 0.5
        else:
            state[tensor] = torch.ones(shape) if tensor.endswith(("weight", "var")) else torch.zeros(shape)
    save_file(state, folder / "filled.safetensors")
    return open_inception(weights=folder / "filled.safetensors")


def plain_loop(folder: Path, network: FeatureNetwork, batch: int) -> np.ndarray:
    """Decode a batch, then the network, then the next."""
    paths, found = sorted(folder.glob("*.jpg")), []
    for start in range(0, len(paths), batch):
        pictures = []
        for path in paths[start : start + batch]:
            with Image.open(path) as picture:
                pictures.append(np.asarray(picture.convert("RGB")))
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        found.append(network.extract(network.prepare(images)).pooled.numpy())
    return np.concatenate(found)


def overlapped(folder: Path, network: FeatureNetwork, cache: Path) -> np.ndarray:
    """As `evaluate` does it, from files to features."""
    os.environ["IMAGEWRIGHT_CACHE"] = str(cache)
    images = iw.open_images(folder).prepare()
    return extract_features(OpenedPictures(images), network).features


def main() -> None:
    arguments = options()
    print(f"{torch.get_num_threads()} threads; {arguments.pictures:,} JPEG files of {arguments.side} pixels")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        folder.mkdir()
        write_pictures(folder, arguments.pictures, arguments.side)
        for name in arguments.features:
            network = open_network(name, Path(place))
            ratios = []
            for number in range(arguments.rounds):
                cache = Path(place) / f"cache-{name}-{number}"
                plain = measure(lambda network=network: plain_loop(folder, network, arguments.batch))
                ours = measure(lambda network=network, cache=cache: overlapped(folder, network, cache))
                assert np.allclose(plain.result, ours.result, rtol=1e-3, atol=1e-3), "the features differ"
                ratios.append(plain.seconds / ours.seconds)
                print(
                    f"{name:<12} plain {arguments.pictures / plain.seconds:7.1f}/s  "
                    f"overlapped {arguments.pictures / ours.seconds:7.1f}/s  ratio {ratios[-1]:.2f}",
                    flush=True,
                )
            print(f"{name:<12} median ratio {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()
