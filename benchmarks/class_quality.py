"""Does a conditional GAN sample the class that was requested? A classifier looks at 1,000 samples of each class.

    python benchmarks/class_quality.py --set mnist --images-seen 480000 --seeds 0 1 2 --out /somewhere

The classifier is trained on the real pictures for five epochs; its accuracy on real test pictures is printed too.
"""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from classifiers import accuracy, build_network, open_split, probabilities, train_classifier
from harness import AS_RECORDED, add_seeds, make_parser, print_row

import imagewright as iw
from imagewright.output.grids import draw_grid

RECIPE: dict[str, object] = {
    "width": 32,
    "latent_dim": 32,
    "penalty": 0.5,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "schedule": "linear",
}
EPOCHS = 5
SAMPLES_OF_EACH = 1_000


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--set", default="mnist", choices=["mnist", "fashion_mnist"])
    parser.add_argument(
        "--discriminator-conditioning", default="projection", choices=["projection", "embedding", "auxiliary"]
    )
    parser.add_argument("--images-seen", type=int, default=480_000, help="480,000 take about 20 minutes")
    add_seeds(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/class-quality"))
    return parser.parse_args()


def main() -> None:
    arguments = options()
    training, test = open_split(arguments.set)
    real, held_out = training.batch(np.arange(len(training))), test.batch(np.arange(len(test)))
    torch.manual_seed(0)
    path = arguments.out / f"classifier-{arguments.set}.safetensors"
    network = train_classifier(build_network(), real.images, real.labels, path, epochs=EPOCHS)
    print_row({"accuracy on real test pictures": accuracy(network, held_out.images, held_out.labels)})
    for seed in arguments.seeds:
        started = time.monotonic()
        conditioning = arguments.discriminator_conditioning
        out = arguments.out / f"{arguments.set}-{conditioning}-{seed}"
        chosen = RECIPE | {"images_seen": arguments.images_seen, "discriminator_conditioning": conditioning}
        run = iw.train("cgan", training, out, force=True, seed=seed, **(AS_RECORDED | chosen))
        minutes = (time.monotonic() - started) / 60
        samples = [iw.sample(run, SAMPLES_OF_EACH, seed=seed, label=name) for name in training.class_names]
        draw_grid(torch.cat([part[:10] for part in samples]), columns=10).save(out.with_suffix(".png"))
        shares = [
            float((probabilities(network, part).argmax(1) == label).float().mean())
            for label, part in enumerate(samples)
        ]
        row = {
            "seed": seed,
            "minutes": round(minutes, 2),
            "as asked": round(float(np.mean(shares)), 4),
            "worst class": round(min(shares), 4),
            "each class": {name: round(share, 3) for name, share in zip(training.class_names, shares, strict=True)},
        }
        print_row(row)


if __name__ == "__main__":
    main()
