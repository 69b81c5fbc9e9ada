"""Whether metrics order known damage: six levels of each corruption on real pictures, by features without a download.

python benchmarks/metric_ranking.py [--sources celeba fashion] [--metrics fd kd density_coverage] [--count 1000]

Half of the pictures are the reference, the other half is scored clean and at five levels of each corruption. Printed of
each number: its values, Spearman's rank correlation with the level, and whether every level is worse than the last.
"""

from __future__ import annotations

import time

import numpy as np
from harness import SHARED_DATA, make_parser

from imagewright.images import Images, open_images
from imagewright.metrics.self_check.check import self_check
from imagewright.metrics.self_check.corruptions import CORRUPTIONS
from imagewright.metrics.self_check.results import Measurement, SelfCheck
from imagewright.pretrained.features.contract import open_network

SOURCES = {
    "celeba": ("celeba_89x109/images.zip", 64, 3),
    "fashion": ("fashion_mnist", 28, 1),
    "flowers": ("flowers17_128/flowers17_subset.zip", 64, 3),
}
CORRUPTED = ("blur", "noise", "jpeg", "rectangles", "swirl", "salt_and_pepper", "mode_dropping", "duplication")


def open_source(name: str) -> Images:
    if name not in SOURCES:
        return open_images(name).prepare()
    path, size, channels = SOURCES[name]
    return open_images(SHARED_DATA / path, size, channels).prepare()


def order_of(measurement: Measurement, clean: float) -> str:
    """Whether each level lies further in the expected direction than the one before; a share cannot fall below 0."""
    steps = np.diff([clean, *measurement.values]) * (1 if measurement.expected.direction == "rises" else -1)
    ended = (
        np.array(measurement.values) == 0 if measurement.expected.direction == "falls" else np.zeros(len(steps), bool)
    )
    if (steps > 0).all():
        return "ordered"
    return "ordered, ends at 0" if ((steps > 0) | (ended & (steps == 0))).all() else "NOT ORDERED"


def show(check: SelfCheck) -> tuple[int, int]:
    """Print a line a number and corruption. Returns how many are in order, and how many should be."""
    right = promised = 0
    for each in check.measurements:
        clean = check.clean[each.output.name][0]
        counts = each.expected.direction in ("rises", "falls")
        order = order_of(each, clean)
        right, promised = right + (counts and order != "NOT ORDERED"), promised + counts
        values = "".join(f"{value:>10.4g}" for value in (clean, *each.values))
        mark = order if counts else f"({each.expected.direction}, {each.verdict.outcome})"
        print(f"  {each.output.name:<10}{each.corruption:<17}{values}  {each.verdict.order:>6.2f}  {mark}", flush=True)
    return right, promised


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sources", nargs="+", default=["celeba", "fashion"], help=f"{', '.join(SOURCES)}, or any")
    parser.add_argument("--metrics", nargs="+", default=["fd", "kd", "density_coverage"])
    parser.add_argument("--corruptions", nargs="+", default=list(CORRUPTED), choices=list(CORRUPTIONS))
    parser.add_argument("--features", default="random")
    parser.add_argument("--count", type=int, default=1000, help="pictures of each half")
    arguments = parser.parse_args()
    network = open_network(arguments.features)
    for name in arguments.sources:
        started = time.perf_counter()
        check = self_check(
            open_source(name), arguments.metrics, network, corruptions=arguments.corruptions, count=arguments.count
        )
        print(f"\n{name}: {check.count:,} against {check.count:,}, features {check.features}, modes {check.modes}")
        print(f"  {'':<27}{'clean':>10}" + "".join(f"{level:>10}" for level in range(1, 6)) + "  rank correlation")
        right, promised = show(check)
        print(f"  {right} of {promised} in order at every level; {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
