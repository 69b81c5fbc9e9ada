"""What models of unpaired translation learn between two sets of faces, as an independent classifier tells.

    python benchmarks/translation_domains.py --model cyclegan --minutes 20 --size 64 --attribute Male

The CelebA pictures without and with the attribute are the two domains. Test pictures, of other people, are translated
to the domain that they are not in. Printed for each direction: `changed`, the share that a classifier puts in the asked
domain (it learned from all training pictures, those of the smaller domain shown more often, so that it takes both for
equally likely), and `real`, its share of real test pictures of that domain, which no translation can be expected to
exceed; `to source`,
the distance of a translation to its source in the features of a fixed random network, in units of the distance to a
random picture of the asked domain; the same of pixels; `content`, the share of other sources whose edges are less like
those of the translation than its own source's are (0.5 by guessing); and, for a model with styles, `diversity`, the
distance between two styles of one picture in the same units. A sheet of inputs and translations is drawn: look at it.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from classifiers import build_network, open_people, probabilities, train_classifier
from harness import SHARED_DATA, add_seeds, make_parser, parse_settings, print_row
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize

import imagewright as iw
from imagewright.output.grids import draw_grid

TEST = 200  # pictures of each domain
SHOWN = 8


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="cyclegan")
    parser.add_argument("--attribute", default="Male")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the training")
    parser.add_argument("--out", type=Path, default=Path("runs/translation-domains"))
    add_seeds(parser, [0])
    return parser.parse_args()


def has(images: iw.Images, attribute: str) -> np.ndarray:
    """bool (N,): which pictures have the attribute."""
    assert images.attribute_names is not None
    assert images.attributes is not None
    return np.asarray(images.attributes)[:, images.attribute_names.index(attribute)] > 0.5


def pixels_of(images: iw.Images) -> Tensor:
    """uint8 (N, C, H, W)."""
    return images.batch(np.arange(len(images))).images


def judge_of(train: iw.Images, arguments: Namespace) -> torch.nn.Module:
    """The classifier of the attribute. It sees both domains equally often."""
    labels = has(train, arguments.attribute)
    more, fewer = sorted((np.flatnonzero(labels == number) for number in (False, True)), key=len, reverse=True)
    rows = np.concatenate([more, np.resize(fewer, len(more))])
    torch.manual_seed(0)
    network = build_network(2, train.channels, arguments.size)
    path = arguments.out / f"balanced-judge-{arguments.attribute}-{arguments.size}.safetensors"
    return train_classifier(network, pixels_of(train)[rows], torch.from_numpy(labels[rows]).long(), path, epochs=6)


def random_features(images: Tensor) -> Tensor:
    """(N, D): features of a fixed random network of three convolutions."""
    generator = torch.Generator().manual_seed(0)
    found, parts = images.float() / 127.5 - 1, []
    for width in (16, 32, 64):
        weight = torch.randn(width, found.shape[1], 3, 3, generator=generator) / (9 * found.shape[1]) ** 0.5
        found = torch.nn.functional.conv2d(found, weight, stride=2, padding=1).relu()
        parts.append(found.flatten(1) / found.flatten(1).norm(dim=1, keepdim=True))
    return torch.cat(parts, 1)


def edges(images: Tensor) -> Tensor:
    """(N, D): where grey values change, blurred, without what all images have; of norm 1."""
    grey = images.float().mean(1, keepdim=True)
    across, down = grey.diff(dim=3)[:, :, 1:], grey.diff(dim=2)[..., 1:]
    found = avg_pool2d(torch.hypot(across, down), 5, 1, 2).flatten(1)
    found = found - found.mean(0)
    return normalize(found - found.mean(1, keepdim=True), dim=1)


def share_less_alike(made: Tensor, sources: Tensor) -> float:
    """The share of other sources whose edges are less like those of a translation than its own source's are."""
    alike = edges(made) @ edges(sources).T
    return round(float((alike < alike.diagonal()[:, None]).float().sum(1).mean() / (len(made) - 1)), 3)


def ratio(one: Tensor, other: Tensor, reference: Tensor) -> float:
    """The mean distance of `one` to `other`, in units of that to `reference`."""
    return round(float((one - other).norm(dim=1).mean() / (one - reference).norm(dim=1).mean()), 3)


def judge_direction(
    run: iw.Run, judge: torch.nn.Module, inputs: Tensor, others: Tensor, name: str, number: int
) -> tuple[dict[str, Any], Tensor]:
    """The figures of one direction, and the translations, uint8 (N, S, C, H, W)."""
    styles = 2 if hasattr(iw.load(run), "sample_styles") else 1
    made = iw.translate(run, inputs, to=name, styles=styles).reshape(len(inputs), styles, *inputs.shape[1:])
    first = made[:, 0]
    kept = {
        "to source": ratio(random_features(first), random_features(inputs), random_features(others)),
        "to source, pixels": ratio(*(each.float().flatten(1) for each in (first, inputs, others))),
    }
    kept["content"] = share_less_alike(first, inputs)
    if styles > 1:
        kept["diversity"] = ratio(*(random_features(each) for each in (first, made[:, 1], others)))
    return {"changed": share_in(judge, first, number), "real": share_in(judge, others, number), **kept}, made


def share_in(judge: torch.nn.Module, images: Tensor, number: int) -> float:
    """The share of images that the classifier puts in a domain."""
    return round(float((probabilities(judge, images).argmax(1) == number).float().mean()), 3)


def run_case(arguments: Namespace, seed: int) -> dict[str, Any]:
    """Train on both domains, translate the test pictures both ways, and draw the sheet."""
    train, test = open_people(arguments.size)
    judge = judge_of(train, arguments)
    asked = arguments.attribute.lower()
    names = (f"not {asked}", asked)
    domains = {name: train[has(train, arguments.attribute) == bool(number)] for number, name in enumerate(names)}
    tested = [pixels_of(test[has(test, arguments.attribute) == bool(number)])[:TEST] for number in range(2)]
    count = min(map(len, tested))
    tested = [each[:count] for each in tested]
    out = arguments.out / f"{arguments.model}-{arguments.attribute}-{seed}"
    settings = parse_settings(arguments.set)
    run = iw.train(arguments.model, domains, out, force=True, seed=seed, minutes=arguments.minutes, **settings)
    known = iw.load(run).domains
    row: dict[str, Any] = {"images_seen": run.checkpoints()[-1].images_seen}
    cells = []
    for number, name in enumerate(names):
        if name in known:
            inputs, others = tested[1 - number], tested[number]
            row[f"to {name}"], made = judge_direction(run, judge, inputs, others, name, number)
            cells += [inputs[:SHOWN], *made[:SHOWN].unbind(1)]
    draw_grid(torch.cat(cells), columns=SHOWN).save(out.with_suffix(".png"))
    return row


def main() -> None:
    arguments = options()
    if not (SHARED_DATA / "celeba_89x109").is_dir():
        print_row({"model": arguments.model, "skipped": "celeba_89x109 is not beside the repository"})
        return
    for seed in arguments.seeds:
        facts = {"model": arguments.model, "attribute": arguments.attribute, "size": arguments.size, "seed": seed}
        print_row(facts | run_case(arguments, seed))


if __name__ == "__main__":
    main()
