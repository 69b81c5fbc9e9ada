"""What StarGAN learns of attributes of faces, as independent classifiers and identities tell.

    python benchmarks/translation_attributes.py --minutes 40 --size 64 --attributes Male Smiling Blond_Hair

Each attribute of the test pictures, of other people, is inverted alone. Printed for each attribute: `as asked`, the
share in which a classifier finds the asked value (it learned from all training pictures; `classifier` is its accuracy
on test pictures); and `identity`, the distance of a translation to its source in units of the distance to another
person's picture, in Fisherfaces of the training people (linear discriminants of identities). A sheet of inputs and
translations is drawn: look at it.
"""

from __future__ import annotations

import csv
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from classifiers import accuracy, build_network, open_people, probabilities, train_classifier
from harness import SHARED_DATA, add_seeds, make_parser, parse_settings, print_row
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import Pipeline, make_pipeline
from torch import Tensor
from translation_domains import has, pixels_of

import imagewright as iw
from imagewright.output.grids import draw_grid

FACES = SHARED_DATA / "celeba_89x109"
TEST, SHOWN = 200, 8
PICTURES_OF_A_PERSON = 4  # or more: people whose pictures tell what identity is
COMPONENTS = 100


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="stargan")
    parser.add_argument("--attributes", nargs="+", default=["Male", "Smiling", "Blond_Hair"])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the training")
    parser.add_argument("--out", type=Path, default=Path("runs/translation-attributes"))
    add_seeds(parser, [0])
    return parser.parse_args()


def identity_features(images: iw.Images) -> Pipeline:
    """Fisherfaces of the people with several pictures."""
    with (FACES / "attributes.csv").open(newline="") as table:
        person = {Path(row["image"]).name: int(row["identity"]) for row in csv.DictReader(table)}
    people = np.array([person[Path(images.name(place)).name] for place in range(len(images))])
    often = {name for name, count in Counter(people.tolist()).items() if count >= PICTURES_OF_A_PERSON}
    chosen = np.flatnonzero(np.isin(people, list(often)))
    model = make_pipeline(PCA(COMPONENTS, whiten=True, random_state=0), LinearDiscriminantAnalysis())
    return model.fit(pixels_of(images[chosen]).flatten(1).numpy() / 255, people[chosen])


def distances(model: Pipeline, one: Tensor, other: Tensor) -> float:
    """The mean distance of uint8 images (N, C, H, W) in pairs."""
    found = [model.transform(each.flatten(1).numpy() / 255) for each in (one, other)]
    return float(np.linalg.norm(found[0] - found[1], axis=1).mean())


def judge_attribute(
    run: iw.Run, name: str, train: iw.Images, test: iw.Images, arguments: Namespace, identity: Pipeline
) -> tuple[dict[str, float], Tensor]:
    """The figures of one attribute, and the translations of the test pictures."""
    torch.manual_seed(0)
    judge = train_classifier(
        build_network(2, train.channels, arguments.size),
        pixels_of(train),
        torch.from_numpy(has(train, name)).long(),
        arguments.out / f"judge-{name}-{arguments.size}.safetensors",
        epochs=6,
    )
    right = accuracy(judge, pixels_of(test), torch.from_numpy(has(test, name)).long())
    inputs, asked = pixels_of(test[:TEST]), torch.from_numpy(~has(test[:TEST], name))
    made = torch.empty_like(inputs)
    for value in (False, True):
        if (asked == value).any():
            made[asked == value] = iw.translate(run, inputs[asked == value], to={name: float(value)})
    found = probabilities(judge, made).argmax(1).bool()
    kept = distances(identity, made, inputs) / distances(identity, made, inputs.roll(1, 0))
    figures = {"as asked": float((found == asked).float().mean()), "classifier": right, "identity": kept}
    return {key: round(value, 3) for key, value in figures.items()}, made


def main() -> None:
    arguments = options()
    if not FACES.is_dir():
        print_row({"model": arguments.model, "skipped": f"{FACES.name} is not beside the repository"})
        return
    train, test = open_people(arguments.size)
    identity = identity_features(train)
    for seed in arguments.seeds:
        out = arguments.out / f"{arguments.model}-{seed}"
        settings = {"attributes": ",".join(arguments.attributes)} | parse_settings(arguments.set)
        run = iw.train(arguments.model, train, out, force=True, seed=seed, minutes=arguments.minutes, **settings)
        row: dict[str, Any] = {"model": arguments.model, "seed": seed}
        row["images_seen"] = run.checkpoints()[-1].images_seen
        cells = [pixels_of(test[:SHOWN])]
        for name in arguments.attributes:
            row[name], made = judge_attribute(run, name, train, test, arguments, identity)
            cells.append(made[:SHOWN])
        draw_grid(torch.cat(cells), columns=SHOWN).save(out.with_suffix(".png"))
        print_row(row)


if __name__ == "__main__":
    main()
