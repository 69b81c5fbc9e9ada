"""Outliers, one class against the rest: mean AUROC over the classes for every method.

    python benchmarks/outliers.py [--sets mnist fashion elpv textures] [--classes 0 1] [--test 2000]

MNIST: learned from the training pictures of one class, scored on the whole official test set. Fashion-MNIST: of the
60,000 pictures here 50,000 (chosen by seed 0) to learn from, 10,000 to score. ELPV solar cells: learned from
`train_normal`, scored on `test_normal` against `test_defect`. ORL faces, CIFAR-10 and flowers were not looked at while
the defaults were chosen: every second picture of a class to learn from, the others of all classes to score. Textures
are made up: 40 pictures of ground metal to learn from, 40 others and 40 with a scratch or a hole of 5 to 10 pixels.
`odd` are frames among 200 flowers, learned from the set itself: dark, grey, noise, text, blurred and of one colour.
Patches are computed if their weights are there (extra `features`) and the pictures are not small, as by default.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from harness import SHARED_DATA, make_parser

from imagewright.analysis.outliers.evaluation import ranking_metrics
from imagewright.analysis.outliers.methods import ENSEMBLE, EVERY, PATCHES, select_methods
from imagewright.analysis.outliers.patches import score_patches
from imagewright.analysis.outliers.preparation import choose_patch_maps
from imagewright.analysis.outliers.scores import ensemble_scores
from imagewright.analysis.outliers.scoring import outlier_scores, picture_groups
from imagewright.analysis.spaces import at_working_size
from imagewright.images import Images, open_images

Case = tuple[str, Images | None, Images, np.ndarray]
"""The class, the pictures to learn from (None: the scored ones), those to score, and which of these are outliers."""


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
    images = open_images(SHARED_DATA / "elpv_solar_cells").prepare()
    kinds = np.array(images.class_names)[images.labels]
    scored = images.subset(kinds != "train_normal")
    yield "normal", images.subset(kinds == "train_normal"), scored, kinds[kinds != "train_normal"] == "test_defect"


def halves(folder: str) -> Iterator[Case]:
    images = open_images(SHARED_DATA / folder).prepare()
    places = np.arange(len(images))
    return one_against_the_rest(images.subset(places[::2]), images.subset(places[1::2]))


def one_against_the_rest(learned: Images, scored: Images) -> Iterator[Case]:
    for number, name in enumerate(learned.class_names):
        yield name, learned.subset(learned.labels == number), scored, scored.labels != number


def textures() -> Iterator[Case]:
    for seed in range(4):
        learned, scored, strange = texture_set(seed)
        yield f"seed {seed}", open_images(learned), open_images(scored), strange


def texture_set(seed: int, side: int = 128) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ground metal, uint8: 40 to learn from, 80 to score, and which of these have a defect."""
    from scipy.ndimage import gaussian_filter

    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]

    def texture() -> np.ndarray:
        layers = [gaussian_filter(generator.normal(0, 1, (side, side)), width) for width in ((0.7, 4), 2, 20)]
        shade = sum(strength * layer / layer.std() for strength, layer in zip((9, 6, 10), layers, strict=True))
        return 110 + generator.normal(0, 8) + shade + generator.normal(0, 4, (side, side))

    def defect(pixels: np.ndarray) -> np.ndarray:
        middle = generator.uniform(15, side - 15, 2)
        if generator.random() < 0.5:
            inside = np.clip(generator.uniform(2.5, 5) + 0.5 - np.hypot(y - middle[0], x - middle[1]), 0, 1)
            return pixels - generator.uniform(20, 50) * inside
        angle, length = generator.uniform(0, np.pi), generator.uniform(5, 12)
        along = (x - middle[1]) * np.cos(angle) + (y - middle[0]) * np.sin(angle)
        across = (y - middle[0]) * np.cos(angle) - (x - middle[1]) * np.sin(angle)
        line = (np.abs(along) < length) * np.clip(1.5 - np.abs(across), 0, 1)
        return pixels + generator.choice([-1, 1]) * generator.uniform(20, 50) * line

    learned = np.stack([texture() for _ in range(40)])
    scored = np.stack([*(texture() for _ in range(40)), *(defect(texture()) for _ in range(40))])
    as_pixels = [some[:, None].clip(0, 255).astype(np.uint8) for some in (learned, scored)]
    return as_pixels[0], as_pixels[1], np.arange(80) >= 40


def odd() -> Iterator[Case]:
    """Five frames of one kind among 200 flowers at 64 pixels, learned from the set itself."""
    from PIL import Image, ImageDraw, ImageFilter

    images = open_images(SHARED_DATA / "flowers17_128", size=64).prepare()
    chosen = np.linspace(0, len(images) - 1, 200).round().astype(np.int64)
    flowers = images.batch(chosen).images.permute(0, 2, 3, 1).numpy()
    generator = np.random.default_rng(0)

    def noise(mean: float, deviation: float) -> np.ndarray:
        return generator.normal(mean, deviation, (64, 64, 3)).clip(0, 255).astype(np.uint8)

    def text(row: int) -> np.ndarray:
        picture = Image.new("RGB", (64, 64), "white")
        ImageDraw.Draw(picture).text((4, 10 + 6 * row), "not available " * 2, fill="black")
        return np.asarray(picture)

    kinds = {
        "dark": [noise(4, 3) for _ in range(5)],
        "grey": [noise(200, 2) for _ in range(5)],
        "noise": [noise(128, 80) for _ in range(5)],
        "text": [text(row) for row in range(5)],
        "blurred": [np.asarray(Image.fromarray(each).filter(ImageFilter.GaussianBlur(8))) for each in flowers[::40]],
        "one colour": [np.full((64, 64, 3), colour, np.uint8) for colour in (0, 60, 120, 180, 255)],
    }
    for name, frames in kinds.items():
        pixels = np.concatenate([flowers, np.stack(frames)]).transpose(0, 3, 1, 2)
        yield name, None, open_images(np.ascontiguousarray(pixels)), np.arange(205) >= 200


SETS = {
    "mnist": mnist,
    "fashion": fashion,
    "elpv": elpv,
    "textures": textures,
    "odd": odd,
    "orl": lambda: halves("orl_faces"),
    "cifar10": lambda: halves("cifar10_jpg"),
    "flowers": lambda: halves("flowers17_128"),
}


def score(learned: Images | None, scored: Images, method: str) -> dict[str, np.ndarray]:
    """The scores of every method, and the ensemble's, as `iw.outliers` computes them."""
    small, small_learned = at_working_size(scored), None if learned is None else at_working_size(learned)
    groups = picture_groups(small if small_learned is None else small_learned, 0)
    maps = choose_patch_maps(method, len(scored) + len(learned or ()), scored.size, None, [])
    methods = select_methods(method, None, patches=maps is not None)
    found = outlier_scores(small, small_learned, methods, groups=groups)
    if maps is not None:
        found[PATCHES], _ = score_patches(small, small_learned, maps, scored.size, groups, 0)
    scores = {name: each.scores for name, each in found.items()}
    return {ENSEMBLE: ensemble_scores(found, methods), **scores} if method in (ENSEMBLE, EVERY) else scores


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["mnist", "fashion", "elpv", "textures", "odd"])
    parser.add_argument("--classes", nargs="+", type=int, help="only these, by number")
    parser.add_argument("--test", type=int, help="score only so many pictures, chosen by seed 0")
    parser.add_argument("--method", default=EVERY, help="only this method")
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
            scores = score(learned, scored.subset(some), arguments.method)
            classes.append(name)
            for method, values in scores.items():
                found.setdefault(method, []).append(ranking_metrics(strange[some], values).auroc)
        print(f"\n{which}: AUROC, mean and each of {', '.join(classes)} ({time.perf_counter() - started:,.0f} s)")
        for method, values in found.items():
            each = " ".join(f"{value:.3f}" for value in values) if len(values) <= 12 else f"least {min(values):.3f}"
            print(f"  {method:<20} {np.mean(values):.4f}   {each}", flush=True)


if __name__ == "__main__":
    main()
