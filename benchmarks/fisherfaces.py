"""Fisherfaces on the ORL faces: train on five pictures a person, test on the other five, over ten splits.

    python benchmarks/fisherfaces.py

Our LDA with its defaults and with other numbers of principal components, and scikit-learn's PCA followed by its LDA on
the same pictures and splits. Faces are 112x92, the size of their files.
"""

from __future__ import annotations

import numpy as np
import torch
from harness import SHARED_DATA, make_parser

from imagewright.images import Images, open_images
from imagewright.images.float_stream import FloatStream
from imagewright.models.linear.lda import LDA, LDAConfig
from imagewright.pixels import to_float

DATA = SHARED_DATA / "orl_faces"
PRINCIPAL = (None, 20, 40, 60, 80, 100, 120, 128)


def split(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Five pictures of each person, chosen at random, and the rest."""
    random = np.random.default_rng(seed)
    people = np.unique(labels)
    train = np.concatenate([random.permutation(np.flatnonzero(labels == person))[:5] for person in people])
    return train, np.setdiff1d(np.arange(len(labels)), train)


def ours(images: Images, train: np.ndarray, test: np.ndarray, principal: int | None) -> float:
    """The share of test pictures that are assigned to their person."""
    config = LDAConfig(size=images.size, channels=images.channels, class_names=images.class_names, principal=principal)
    model = LDA(config)
    with torch.inference_mode():
        model.fit(FloatStream(images.subset(train)))
        batch = images.batch(test)
        return float((model.classify(to_float(batch.images.contiguous())).argmax(1) == batch.labels).float().mean())


def scikit_learn(images: Images, train: np.ndarray, test: np.ndarray, principal: int) -> float:
    """The same by scikit-learn's two steps."""
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline

    rows = {
        name: images.batch(places).images.numpy().reshape(len(places), -1).astype(np.float64) / 127.5 - 1
        for name, places in (("train", train), ("test", test))
    }
    pipeline = make_pipeline(PCA(principal, svd_solver="full"), LinearDiscriminantAnalysis())
    return pipeline.fit(rows["train"], images.labels[train]).score(rows["test"], images.labels[test])


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--splits", type=int, default=10)
    splits = parser.parse_args().splits
    images = open_images(DATA).prepare()
    people = len(images.class_names)
    print(f"{people} people, 5 pictures each for training and 5 for the test, {splits} splits; right answers in %")
    print(f"{'principal components':>22} {'ours':>7} {'lowest':>7} {'scikit-learn':>13}")
    usual = (5 * people - people) // 2
    for principal in PRINCIPAL:
        found = []
        for seed in range(splits):
            train, test = split(images.labels, seed)
            found.append((ours(images, train, test, principal), scikit_learn(images, train, test, principal or usual)))
        mine, theirs = 100 * np.array(found).T
        name = f"default ({usual})" if principal is None else str(principal)
        print(f"{name:>22} {mine.mean():7.2f} {mine.min():7.2f} {theirs.mean():13.2f}")


if __name__ == "__main__":
    main()
