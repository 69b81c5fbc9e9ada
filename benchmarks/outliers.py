"""Outliers, one class against the rest: mean AUROC over the classes for every method.

    python benchmarks/outliers.py [--sets mnist fashion elpv] [--classes 0 1] [--test 2000]

MNIST: learned from the training pictures of one class, scored on the whole official test set. Fashion-MNIST: of the
60,000 pictures here 50,000 (chosen by seed 0) to learn from, 10,000 to score. ELPV solar cells: learned from
`train_normal`, scored on `test_normal` against `test_defect`. ORL faces, CIFAR-10 and flowers were not looked at while
the defaults were chosen: every second picture of a class to learn from, the others of all classes to score.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from harness import SHARED_DATA, make_parser

from imagewright.analysis.outliers.evaluation import ranking_metrics
from imagewright.analysis.outliers.scoring import ENSEMBLE, ensemble_ranks, outlier_scores, select_methods
from imagewright.analysis.spaces import at_working_size
from imagewright.images import Images, open_images

Case = tuple[str, Images, Images, np.ndarray]
"""The class, the pictures to learn from, the pictures to score, and which of the latter are outliers."""


def mnist() -> Iterator[Case]:
    learned, scored = (
        open_images(SHARED_DATA / "mnist").prepare(),
        open_images(SHARED_DATA / "mnist", split="test").prepare(),
    )
    return one_against_the_rest(learned, scored)


def fashion() -> Iterator[Case]:
    images = open_images(SHARED_DATA / "fashion_mnist").prepare()
    order = np.random.default_rng(0).permutation(len(images))
    return one_against_the_rest(images.subset(np.sort(order[:50_000])), images.subset(np.sort(order[50_000:])))


def elpv() -> Iterator[Case]:
    images = at_working_size(open_images(SHARED_DATA / "elpv_solar_cells")).prepare()
    kinds = np.array(images.class_names)[images.labels]
    scored = images.subset(kinds != "train_normal")
    yield "normal", images.subset(kinds == "train_normal"), scored, kinds[kinds != "train_normal"] == "test_defect"


def halves(folder: str) -> Iterator[Case]:
    images = at_working_size(open_images(SHARED_DATA / folder)).prepare()
    places = np.arange(len(images))
    return one_against_the_rest(images.subset(places[::2]), images.subset(places[1::2]))


def one_against_the_rest(learned: Images, scored: Images) -> Iterator[Case]:
    for number, name in enumerate(learned.class_names):
        yield name, learned.subset(learned.labels == number), scored, scored.labels != number


SETS = {
    "mnist": mnist,
    "fashion": fashion,
    "elpv": elpv,
    "orl": lambda: halves("orl_faces"),
    "cifar10": lambda: halves("cifar10_jpg"),
    "flowers": lambda: halves("flowers17_128"),
}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["mnist", "fashion", "elpv"])
    parser.add_argument("--classes", nargs="+", type=int, help="only these, by number")
    parser.add_argument("--test", type=int, help="score only so many pictures, chosen by seed 0")
    parser.add_argument("--method", default=ENSEMBLE, help="only this method")
    arguments = parser.parse_args()
    for which in arguments.sets:
        found: dict[str, list[float]] = {}
        started, classes = time.perf_counter(), []
        for number, (name, learned, scored, strange) in enumerate(SETS[which]()):
            if arguments.classes and number not in arguments.classes:
                continue
            some = np.arange(len(scored))
            if arguments.test and arguments.test < len(scored):
                some = np.sort(np.random.default_rng(0).choice(len(scored), arguments.test, replace=False))
            scores = outlier_scores(scored.subset(some), learned, select_methods(arguments.method, None))
            if arguments.method == ENSEMBLE:
                scores = {ENSEMBLE: ensemble_ranks(scores), **scores}
            classes.append(name)
            for method, values in scores.items():
                found.setdefault(method, []).append(ranking_metrics(strange[some], values).auroc)
        print(f"\n{which}: AUROC, mean and each of {', '.join(classes)} ({time.perf_counter() - started:,.0f} s)")
        for method, values in found.items():
            each = " ".join(f"{value:.3f}" for value in values) if len(values) <= 12 else f"least {min(values):.3f}"
            print(f"  {method:<20} {np.mean(values):.4f}   {each}", flush=True)


if __name__ == "__main__":
    main()
