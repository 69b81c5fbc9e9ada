"""What pix2pix and pix2pixHD learn from pairs, against baselines that need no network.

    python benchmarks/translation_pairs.py --case facades --model pix2pix --minutes 45 --size 128

Cases: `facades` (label map to photograph, 200 pairs) and `flowers` (Canny edges to photograph, 1,000 flowers). The
test pairs are judged by the mean absolute difference of pixels (L1, of 255) and by the structural similarity (SSIM).
Baselines: `mean colour` is the mean training colour of each label (of flowers: the mean picture), `nearest` the
photograph of the training pair whose input is nearest. Each run draws a sheet of test inputs, outputs and targets: look
at it. A set that is not there is passed over, with a line that says so.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import SHARED_DATA, add_seeds, make_parser, parse_settings, print_row
from skimage.feature import canny
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn.functional import avg_pool2d

import imagewright as iw
from imagewright.output.grids import draw_grid

SETS = {"facades": "facades", "flowers": "flowers17_128"}
LABELS = 12  # classes of the facades' label maps
HELD_OUT = 10  # of the flowers, one in ten is a test picture
SHOWN = 8


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--case", choices=list(SETS), default="facades")
    parser.add_argument("--model", default="pix2pix")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the training")
    parser.add_argument("--out", type=Path, default=Path("runs/translation-pairs"))
    add_seeds(parser, [0])
    return parser.parse_args()


def open_facades(size: int) -> tuple[iw.Images, iw.Images]:
    """Training and test pairs; the photograph is on the left of a file."""
    train, test = (
        iw.open_images(SHARED_DATA / "facades", layers=("target", "input"), split=split, size=size)
        for split in ("train", "test")
    )
    return train, test


def open_flowers(size: int) -> tuple[iw.Images, iw.Images]:
    """Photographs of flowers with their edges, dark on white, as training and test pairs."""
    photographs = iw.open_images(SHARED_DATA / "flowers17_128", size=size)
    target = photographs.batch(np.arange(len(photographs))).images
    edges = [canny(picture.float().mean(0).numpy() / 255, sigma=1.5) for picture in target]
    given = torch.from_numpy(255 - 255 * np.stack(edges).astype(np.uint8))[:, None].expand_as(target)
    pairs = iw.open_images({"input": given.numpy(), "target": target.numpy()})
    test = np.arange(len(pairs)) % HELD_OUT == 0
    return pairs[~test], pairs[test]


def layers_of(pairs: iw.Images) -> tuple[Tensor, Tensor]:
    """Inputs and targets of all pairs, uint8 (N, C, H, W)."""
    batch = pairs.batch(np.arange(len(pairs)))
    return batch.layers["input"], batch.layers["target"]


def mean_colours(train: tuple[Tensor, Tensor], given: Tensor) -> Tensor:
    """Each test pixel in the mean training colour of its label."""
    codes, wanted = _label_codes(train[0]), train[1].movedim(1, -1).float()
    common = torch.bincount(codes.flatten(), minlength=64).topk(LABELS).indices
    made = torch.full((*given.shape[:1], *given.shape[2:], 3), wanted.mean())
    for code in common:
        made[_label_codes(given) == code] = wanted[codes == code].mean(0)
    return made.movedim(-1, 1)


def _label_codes(maps: Tensor) -> Tensor:
    """A number for each label's colour: its channels are multiples of 85, blurred by JPEG."""
    steps = (maps.float() / 85).round().long()
    return steps[:, 0] * 16 + steps[:, 1] * 4 + steps[:, 2]


def mean_picture(train: tuple[Tensor, Tensor], given: Tensor) -> Tensor:
    """The mean of the training targets for every input."""
    return train[1].float().mean(0).expand_as(given)


def nearest(train: tuple[Tensor, Tensor], given: Tensor) -> Tensor:
    """The target of the training pair whose input is nearest, compared at an eighth of the size."""
    ours, theirs = (avg_pool2d(each.float(), 8).flatten(1) for each in (given, train[0]))
    return train[1][torch.cdist(ours, theirs).argmin(1)].float()


def judge(made: Tensor, wanted: Tensor) -> dict[str, float]:
    """L1 of pixels from 0 to 255, and SSIM, means over the pictures."""
    pairs = zip(made.movedim(1, -1).numpy(), wanted.movedim(1, -1).numpy(), strict=True)
    similar = [structural_similarity(a, b, channel_axis=-1, data_range=255) for a, b in pairs]
    return {"l1": round(float((made - wanted).abs().mean()), 2), "ssim": round(float(np.mean(similar)), 4)}


def run_case(arguments: Namespace, seed: int) -> dict[str, Any]:
    """Train, judge the test pairs and draw the sheet."""
    opened = open_facades if arguments.case == "facades" else open_flowers
    train, test = opened(arguments.size)
    known, (given, wanted) = layers_of(train), layers_of(test)
    simple = mean_colours if arguments.case == "facades" else mean_picture
    out = arguments.out / f"{arguments.case}-{arguments.model}-{seed}"
    settings = parse_settings(arguments.set)
    run = iw.train(arguments.model, train, out, force=True, seed=seed, minutes=arguments.minutes, **settings)
    made = iw.translate(run, given)
    sheet = torch.cat([given[:SHOWN], made[:SHOWN], wanted[:SHOWN]])
    draw_grid(sheet, columns=SHOWN).save(out.with_suffix(".png"))
    return {
        "images_seen": run.checkpoints()[-1].images_seen,
        arguments.model: judge(made.float(), wanted.float()),
        simple.__name__.replace("_", " "): judge(simple(known, given), wanted.float()),
        "nearest": judge(nearest(known, given), wanted.float()),
    }


def main() -> None:
    arguments = options()
    if not (SHARED_DATA / SETS[arguments.case]).is_dir():
        print_row({"case": arguments.case, "skipped": f"{SETS[arguments.case]} is not beside the repository"})
        return
    for seed in arguments.seeds:
        print_row({"case": arguments.case, "size": arguments.size, "seed": seed} | run_case(arguments, seed))


if __name__ == "__main__":
    main()
