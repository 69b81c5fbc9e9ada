"""What the loop costs: an MLP VAE on MNIST by `train`, against the bare loop over tensors in memory.

    python benchmarks/vae_loop.py

Same network (512 hidden, latent 50, batch 100, Bernoulli), same optimizer. Ours reads the prepared cache, draws views,
logs every term, writes grids, a report and checkpoints; the speed is that of the whole call after the first report.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from harness import AS_RECORDED, SHARED_DATA, make_parser, print_ratios
from torch.nn.functional import binary_cross_entropy_with_logits

import imagewright as iw
from imagewright.models.autoencoding.vae import VAE, VAEConfig
from imagewright.training.reporting import Silent

DATA = SHARED_DATA / "mnist"
BATCH = 100
OPTIONS = {"network": "mlp", "width": 512, "layers": 1, "latent_dim": 50, "likelihood": "bernoulli"}


def bare(pictures: torch.Tensor, images_seen: int) -> float:
    """Seconds of the loop that a notebook would hold: float tensors in memory, one Adam, one loss."""
    model = VAE(VAEConfig(size=(28, 28), channels=1, **OPTIONS))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    started = time.perf_counter()
    seen = 0
    while seen < images_seen:
        for rows in torch.randperm(len(pictures)).split(BATCH):
            targets = pictures[rows]
            means, log_variances = model.encoder(targets).chunk(2, 1)
            latents = means + (0.5 * log_variances).exp() * torch.randn_like(means)
            logits = model.decoder(latents)
            likelihood = binary_cross_entropy_with_logits(logits, targets, reduction="sum")
            divergence = 0.5 * (means.square() + log_variances.exp() - 1 - log_variances).sum()
            optimizer.zero_grad()
            ((likelihood + divergence) / len(rows)).backward()
            optimizer.step()
            seen += len(rows)
            if seen >= images_seen:
                break
    return time.perf_counter() - started


class Clock(Silent):
    """Seconds from the loop's start to its end, what reporting and checkpoints take included."""

    def started(self, run: object, total: int) -> None:
        self.begin = time.perf_counter()

    def finished(self, run: object) -> None:
        self.seconds = time.perf_counter() - self.begin


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--images-seen", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    images = iw.open_images(DATA).prepare()
    pictures = images.batch(np.arange(len(images))).images.float() / 255
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds + 1):
            clock = Clock()
            iw.train(
                "vae", images, Path(folder) / str(number), images_seen=arguments.images_seen, batch_size=BATCH,
                reporter=clock, **(AS_RECORDED | OPTIONS),
            )  # fmt: skip
            seconds = bare(pictures, arguments.images_seen)
            if number:  # the first round warms up
                ours.append(clock.seconds)
                theirs.append(seconds)
    names = ("imagewright", "bare loop")
    print_ratios("MLP VAE on MNIST, whole call", arguments.images_seen, "images/s", names, (ours, theirs))


if __name__ == "__main__":
    main()
