"""What `--resample rare` does for a rare class: its share of the pictures in training, and its reconstruction error.

    python benchmarks/rare_cases.py --seeds 0 1 2 --out /somewhere

A class is thinned out to 2 % of the training pictures: eyeglasses of CelebA, and classes of Fashion-MNIST. A VAE is
trained on the same pictures in the same number of steps, with pictures sampled uniformly and by inverse density, and
scored on pictures that neither saw. The labels choose the pictures and the scores; training never sees them.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import AS_RECORDED, SHARED_DATA, add_seeds, make_parser, print_row

import imagewright as iw
from imagewright.images import Images
from imagewright.runs.weights import read_tensors
from imagewright.training.reporting import Silent

RARE_SHARE = 0.02
COMMON, HELD_OUT = 5_000, 200
SIZE = 32
SAMPLING = {"uniform": {}, "rare:0.25": {"resample": "rare:0.25"}, "rare": {"resample": "rare"}}


def cases() -> Iterator[tuple[str, Images, np.ndarray]]:
    """Name, pictures, and which pictures are of the class that is made rare."""
    faces = iw.open_images(SHARED_DATA / "celeba_89x109", size=SIZE)
    assert faces.attributes is not None
    assert faces.attribute_names is not None
    yield "CelebA: eyeglasses", faces, faces.attributes[:, faces.attribute_names.index("Eyeglasses")] == 1
    clothes = iw.open_images(SHARED_DATA / "fashion_mnist", size=SIZE)
    for number, name in ((8, "bag"), (4, "coat")):
        yield f"Fashion-MNIST: {name}", clothes, clothes.labels == number


def split(is_rare: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Indices for training, whether each is rare, and held-out pictures: rare ones, common ones."""
    generator = np.random.default_rng(seed)
    rare, common = (generator.permutation(np.flatnonzero(is_rare == flag)) for flag in (True, False))
    some = rare[: round(COMMON * RARE_SHARE / (1 - RARE_SHARE))]
    training = np.sort(np.concatenate([some, common[:COMMON]]))
    return training, is_rare[training], rare[-HELD_OUT:], common[-HELD_OUT:]


def squared_error(run: iw.Run, pictures: Images) -> float:
    """Mean squared error of the reconstructions, a pixel, of values from 0 to 1."""
    real = pictures.batch(np.arange(len(pictures))).images
    return float(((iw.reconstruct(run, pictures).float() - real.float()) / 255).square().mean())


def train_and_measure(
    pictures: Images, is_rare: np.ndarray, way: str, seed: int, seen: int, out: Path
) -> dict[str, float]:
    """One training, and its figures."""
    training, rare_there, rare, common = split(is_rare, seed)
    run = iw.train(
        "vae",
        pictures.subset(training),
        out,
        images_seen=seen,
        width=16,
        seed=seed,
        force=True,
        reporter=Silent(),
        **AS_RECORDED,
        **SAMPLING[way],
    )
    state, _ = read_tensors(run.checkpoints()[-1].state)
    weights = state["resampling.weights"].numpy() if "resampling.weights" in state else np.ones(len(training))
    return {
        "share": float(weights[rare_there].sum() / weights.sum()),
        "rare": squared_error(run, pictures.subset(rare)),
        "common": squared_error(run, pictures.subset(common)),
    }


def main() -> None:
    parser = make_parser(__doc__)
    add_seeds(parser)
    parser.add_argument("--images-seen", type=int, default=25_000)
    parser.add_argument("--out", type=Path, default=Path("runs/rare-cases"))
    arguments = parser.parse_args()
    for name, pictures, is_rare in cases():
        uniform: list[dict[str, float]] = []
        for way in SAMPLING:
            rows = [
                train_and_measure(pictures, is_rare, way, seed, arguments.images_seen, arguments.out / "run")
                for seed in arguments.seeds
            ]
            uniform = uniform or rows
            print_row({"case": name, "way": way, **summary(rows, uniform)})


def summary(rows: list[dict[str, float]], uniform: list[dict[str, float]]) -> dict[str, object]:
    """Means over the seeds, and each seed's ratio to uniform sampling."""
    means = {key: statistics.mean(row[key] for row in rows) for key in rows[0]}
    ratios = {
        f"{key} error against uniform": [
            round(row[key] / base[key], 3) for row, base in zip(rows, uniform, strict=True)
        ]
        for key in ("rare", "common")
    }
    return {key: float(f"{value:.4g}") for key, value in means.items()} | ratios


if __name__ == "__main__":
    main()
