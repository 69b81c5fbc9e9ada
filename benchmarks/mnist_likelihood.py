"""The likelihood of binarised MNIST that a VAE reaches in a given time: bound over time, and importance-weighted.

    python benchmarks/mnist_likelihood.py --minutes 30

Burda et al. 2015 (arXiv:1509.00519, table 1) report -86.76 nats with 5,000 importance samples for the VAE with two
layers of 200 and 50 latents after 3,280 passes over the training set; this is the same bound with layers of 500.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from harness import AS_RECORDED, SHARED_DATA, make_parser, print_row

import imagewright as iw

DATA = SHARED_DATA / "mnist"
BATCH = 100
OPTIONS = {
    "network": "mlp",
    "width": 500,
    "layers": 2,
    "latent_dim": 50,
    "likelihood": "bernoulli",
    "binarize": "dynamic",
    "batch_size": BATCH,
    "schedule": "cosine",
}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--images-seen", type=int, help="instead of --minutes")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--test-pictures", type=int, default=500, help="scored with 5,000 samples each")
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--out", type=Path, default=Path("runs/mnist-likelihood"))
    arguments = parser.parse_args()
    images, test = iw.open_images(DATA, split="train"), iw.open_images(DATA, split="test")
    options = AS_RECORDED | OPTIONS | {"learning_rate": arguments.learning_rate}
    seen = arguments.images_seen
    if not seen:
        trial = iw.train("vae", images, arguments.out / "speed", force=True, images_seen=20_000, **options)
        seen = int(trial.metrics()[-1]["images_per_second"] * arguments.minutes * 60)
    run = iw.train("vae", images, arguments.out / "vae", force=True, images_seen=seen, **options)
    for line in run.metrics():
        minutes, elbo = line["seconds"] / 60, line["derived_metrics"]["elbo"]
        print(f"{minutes:6.1f} min  {line['images_seen']:>10,} images  training ELBO {elbo:.2f}")
    pictures = test.batch(np.arange(len(test))).images
    test_elbo = iw.score(run, pictures, samples=1)
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
    chosen = pictures[order[: arguments.test_pictures]]
    weighted = iw.score(run, chosen, samples=arguments.samples)
    error = float(weighted.std() / len(weighted) ** 0.5)
    result = {
        "images_seen": seen,
        "minutes": round(run.metrics()[-1]["seconds"] / 60, 1),
        "test ELBO, nats": round(float(test_elbo.mean()), 2),
        f"test log-likelihood, {arguments.samples} samples, nats": round(float(weighted.mean()), 2),
        "standard error": round(error, 2),
        "test pictures": len(chosen),
    }
    print_row(result)


if __name__ == "__main__":
    main()
