"""What FUNIT makes of classes that it never saw, as an independent classifier tells.

    python benchmarks/translation_few_shot.py --case flowers --minutes 40 --size 32

Cases: `flowers` (13 classes, three of them held out of training), `faces` (ORL: 32 people, eight held out) and
`characters` (Omniglot: 136 of five alphabets, each eighth held out). Pictures of training classes are translated by
five pictures of a held-out one. Printed: `unseen`, the share that a classifier of all classes puts in the class of the
reference pictures (it learned from the other pictures of all classes, shifted and turned; `classifier` is its accuracy
on the reference pictures); `chance`, that of guessing; and `content`, the share of untranslated pictures that it puts
in a held-out class. A sheet of references, inputs and translations is drawn: look at it.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from classifiers import accuracy, build_network, probabilities, train_classifier
from harness import SHARED_DATA, add_seeds, make_parser, parse_settings, print_row
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample
from translation_domains import pixels_of

import imagewright as iw
from imagewright.output.grids import draw_grid

SETS = {"flowers": "flowers17_128", "faces": "orl_faces", "characters": "omniglot"}
HELD_OUT = {
    "flowers": ("05_crocus", "10_sunflower", "15_buttercup"),
    "faces": ("s1", "s13", "s17", "s20", "s26", "s33", "s37", "s6"),
}
HELD_OUT_CHARACTERS = 8  # one of so many
REFERENCES, CONTENTS = 5, 40
COPIES = 10  # of each training picture of the classifier
SHOWN = 8  # contents on a sheet
SHOWN_CLASSES = 8


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--case", choices=list(SETS), default="flowers")
    parser.add_argument("--model", default="funit")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the training")
    parser.add_argument("--out", type=Path, default=Path("runs/translation-few-shot"))
    add_seeds(parser, [0])
    return parser.parse_args()


def open_case(arguments: Namespace) -> tuple[iw.Images, tuple[str, ...]]:
    """The pictures of a case, and the names of the classes that are held out."""
    source = SHARED_DATA / SETS[arguments.case]
    if arguments.case != "characters":
        return iw.open_images(source, size=arguments.size), HELD_OUT[arguments.case]
    images = iw.open_images(unpack_characters(source, arguments.out), size=arguments.size)
    return images, tuple(images.class_names or ())[::HELD_OUT_CHARACTERS]


def unpack_characters(source: Path, out: Path) -> Path:
    """Omniglot has a folder for each alphabet, and in it one for each character: here, one for each character."""
    folder = out / "characters"
    (archive,) = source.glob("*.zip")
    with ZipFile(archive) as file:
        for name in file.namelist():
            path = PurePosixPath(name)
            if path.suffix == ".png" and path.parts[0] != "__MACOSX":
                target = folder / "_".join(path.parts[-3:-1]) / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read(name))
    return folder


def shifted_and_turned(images: Tensor) -> Tensor:
    """Copies of uint8 images (N, C, H, W), each moved, scaled and turned a little; (N * COPIES, C, H, W)."""
    generator = torch.Generator().manual_seed(0)
    copies = images.repeat(COPIES, 1, 1, 1).float()
    angle, scale = (0.2 * torch.randn(len(copies), generator=generator) for _ in range(2))
    matrix = torch.zeros(len(copies), 2, 3)
    size = 1 + 0.5 * scale
    matrix[:, 0, 0], matrix[:, 0, 1] = size * angle.cos(), -size * angle.sin()
    matrix[:, 1, 0], matrix[:, 1, 1] = size * angle.sin(), size * angle.cos()
    matrix[:, :, 2] = 0.1 * torch.randn(len(copies), 2, generator=generator)
    return (
        grid_sample(
            copies, affine_grid(matrix, list(copies.shape), False), padding_mode="reflection", align_corners=False
        )
    ).byte()


def train_judge(images: iw.Images, known: np.ndarray, path: Path) -> torch.nn.Module:
    """The classifier of all classes, from the pictures at the places `known`."""
    torch.manual_seed(0)
    assert images.labels is not None
    assert images.class_names is not None
    labels = torch.from_numpy(np.asarray(images.labels)[known]).repeat(COPIES)
    network = build_network(len(images.class_names), images.channels, images.height)
    return train_classifier(network, shifted_and_turned(pixels_of(images[known])), labels, path, epochs=6)


def run_case(arguments: Namespace, seed: int) -> dict[str, Any]:
    """Train on the other classes, translate to the held-out ones, and draw the sheet."""
    images, held_out = open_case(arguments)
    assert images.class_names is not None
    labels = np.asarray(images.labels)
    numbers = [images.class_names.index(name) for name in held_out]
    places = {number: np.flatnonzero(labels == number)[:REFERENCES] for number in numbers}
    references = np.concatenate(list(places.values()))
    known = np.setdiff1d(np.arange(len(images)), references)
    judge = train_judge(images, known, arguments.out / f"judge-{arguments.case}-{arguments.size}.safetensors")
    out = arguments.out / f"{arguments.case}-{arguments.model}-{seed}"
    settings = {"held_out_classes": ",".join(held_out)} | parse_settings(arguments.set)
    run = iw.train(arguments.model, images, out, force=True, seed=seed, minutes=arguments.minutes, **settings)
    seen = images[~np.isin(labels, numbers)]
    contents = pixels_of(seen[np.linspace(0, len(seen) - 1, CONTENTS).astype(int)])
    made = {number: iw.translate(run, contents, like=pixels_of(images[places[number]]).numpy()) for number in numbers}
    shares = [float((probabilities(judge, made[number]).argmax(1) == number).float().mean()) for number in numbers]
    unmoved = np.isin(probabilities(judge, contents).argmax(1).numpy(), numbers).mean()
    order = np.random.default_rng(0).permutation(CONTENTS)[:SHOWN]
    rows = [
        torch.cat([pixels_of(images[places[number][:1]]), made[number][order]]) for number in numbers[:SHOWN_CLASSES]
    ]
    shown = torch.cat([torch.full_like(contents[:1], 255), contents[order], *rows])
    draw_grid(shown, columns=SHOWN + 1).save(out.with_suffix(".png"))
    return {
        "images_seen": run.checkpoints()[-1].images_seen,
        "unseen": round(float(np.mean(shares)), 3),
        "each": dict(zip(held_out, (round(share, 3) for share in shares), strict=True)),
        "chance": round(1 / len(images.class_names), 3),
        "content": round(float(unmoved), 3),
        "classifier": round(accuracy(judge, pixels_of(images[references]), torch.from_numpy(labels[references])), 3),
    }


def main() -> None:
    arguments = options()
    if not (SHARED_DATA / SETS[arguments.case]).is_dir():
        print_row({"case": arguments.case, "skipped": f"{SETS[arguments.case]} is not beside the repository"})
        return
    for seed in arguments.seeds:
        print_row(
            {"case": arguments.case, "model": arguments.model, "size": arguments.size, "seed": seed}
            | run_case(arguments, seed)
        )


if __name__ == "__main__":
    main()
