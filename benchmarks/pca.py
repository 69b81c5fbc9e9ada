"""PCA of 7,200 CelebA faces at 64x64x3, 128 components: ours, streamed, against scikit-learn's randomised solver.

    python benchmarks/pca.py

Each runs in a process of its own; memory is the peak above what the process held after its imports. Accuracy is against
the eigenvalues of the 7,200 x 7,200 Gram matrix in double precision, with --exact (a minute).
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from harness import MIB, SHARED_DATA, in_own_process, make_parser, measure, read_matrix, warm_up_arithmetic

DATA = SHARED_DATA / "celeba_89x109"
COMPONENTS = 128
SIZE = 64


def ours() -> dict[str, Any]:
    """As `imagewright train pca` fits, from the prepared cache."""
    import torch

    import imagewright as iw
    from imagewright.images.float_stream import FloatStream
    from imagewright.models.linear.pca import PCA, PCAConfig

    images = iw.open_images(DATA, size=SIZE).prepare()
    model = PCA(PCAConfig(size=(SIZE, SIZE), channels=3, components=COMPONENTS))
    warm_up_arithmetic()
    with torch.inference_mode():
        measured = measure(lambda: model.fit(FloatStream(images)))
    return {"seconds": measured.seconds, "bytes": measured.added_bytes, "variances": model.variances.tolist()}


def scikit_learn() -> dict[str, Any]:
    """As its documentation shows: all pictures as one float32 matrix."""
    from sklearn.decomposition import PCA

    import imagewright as iw

    images = iw.open_images(DATA, size=SIZE).prepare()
    small = np.random.default_rng(0).random((256, 256))
    PCA(8, svd_solver="randomized", random_state=0).fit(small)

    def fit() -> PCA:
        matrix = read_matrix(images)
        matrix /= 127.5
        matrix -= 1
        return PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(matrix)

    measured = measure(fit)
    variances = measured.result.explained_variance_.tolist()
    return {"seconds": measured.seconds, "bytes": measured.added_bytes, "variances": variances}


def exact() -> np.ndarray:
    """The largest eigenvalues of the covariance, through the Gram matrix in double precision."""
    from scipy.linalg import eigh

    import imagewright as iw

    images = iw.open_images(DATA, size=SIZE).prepare()
    matrix = np.concatenate([b.images.numpy().reshape(len(b.images), -1) for b in images.batches(512)])
    pixels = matrix.astype(np.float64) / 127.5 - 1
    pixels -= pixels.mean(0)
    count = len(pixels)
    values = eigh(pixels @ pixels.T / (count - 1), eigvals_only=True, subset_by_index=[count - COMPONENTS, count - 1])
    return values[::-1]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--exact", action="store_true", help="compare both with the exact eigenvalues")
    arguments = parser.parse_args()
    methods = {"ours": ours, "scikit_learn": scikit_learn}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in methods}
    for _ in range(arguments.rounds):
        for name, method in methods.items():
            found[name].append(in_own_process(method))
    truth = exact() if arguments.exact else None
    print("PCA, 7,200 CelebA faces, 64x64x3, 128 components")
    for name, results in found.items():
        seconds = statistics.median(result["seconds"] for result in results)
        mebibytes = statistics.median(result["bytes"] for result in results) / MIB
        error = ""
        if truth is not None:
            worst = np.abs(np.array(results[0]["variances"]) - truth) / truth
            error = f"  largest error of a variance {worst.max():.1e}"
        print(f"  {name:<14} {seconds:6.2f} s  {mebibytes:8.0f} MiB above the imports{error}")
    ratios = [theirs["seconds"] / mine["seconds"] for mine, theirs in zip(*found.values(), strict=True)]
    shares = [mine["bytes"] / theirs["bytes"] for mine, theirs in zip(*found.values(), strict=True)]
    print(f"  {statistics.median(ratios):.2f} times as fast, {statistics.median(shares):.2f} of its memory")


if __name__ == "__main__":
    main()
