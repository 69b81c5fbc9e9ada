"""A training step of BigGAN against the plain formulation, with the same weights and the same torch.

    python benchmarks/biggan_steps.py [--size 32] [--width 16] [--batch-size 32] [--precisions fp32 bf16]

First both ways compute images and logits with the same weights, and the largest difference is printed. Then steps are
timed in turn, in processor time: our engine's, and the authors' loop on the plain networks (`plain_biggan.py`), which
is in fp32 with contiguous tensors. Then the peak memory of each, in processes of their own.
"""

from __future__ import annotations

import copy
from argparse import Namespace
from collections.abc import Callable

import torch
from harness import MIB, in_own_process, make_parser, print_processor_ratios
from plain_biggan import biggan_step, plain_discriminator, plain_generator
from torch import Tensor
from training_steps import CLASSES, build_model, build_steps, synchronise

from imagewright.model import Model
from imagewright.training import device as devices

WANTED = 1.0  # at least as fast, with less memory


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--precisions", nargs="+", default=["fp32"], choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=2, help="in one timed round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def model_of(given: Namespace) -> Model:
    return build_model("biggan", given.size, width=given.width, discriminator_width=given.width, latent_dim=64)


def pictures(given: Namespace) -> Tensor:
    """uint8 noise, the same each time."""
    shape = given.batch_size, 3, given.size, given.size
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def ours(given: Namespace, precision: str, steps: int) -> Callable[[], None]:
    """A round of our engine's steps."""
    run = build_steps(model_of(given), pictures(given), torch.device(given.device), precision=precision)
    return lambda: run(steps)


def plain(given: Namespace, precision: str, steps: int) -> Callable[[], None]:
    """A round of the plain loop's steps."""
    labels = torch.arange(given.batch_size) % len(CLASSES)
    step = biggan_step(model_of(given), pictures(given), labels, torch.device(given.device), precision)

    def run() -> None:
        for _ in range(steps):
            step()
        synchronise(torch.device(given.device))

    return run


def largest_differences(given: Namespace) -> tuple[float, float]:
    """Of images and of logits in training mode, relative to their mean size."""
    model = model_of(given).train()
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(given.batch_size, model.noise_dim, generator=generator)
    labels = torch.arange(given.batch_size) % len(CLASSES)
    with torch.no_grad():
        images, expected = model.generator(noise, labels), plain_generator(other.generator, noise, labels)
        logits = model.discriminator(images, labels)
        judged = plain_discriminator(other.discriminator, images, labels)
    pairs = ((images, expected), (logits, judged))
    one, two = (float((a - b).abs().max() / b.abs().mean()) for a, b in pairs)
    return one, two


def peak_memory(which: str, precision: str, arguments: dict[str, object]) -> float:
    """MiB of a process that does three steps of only this, at its peak: of the GPU if it is used."""
    given = Namespace(**arguments)
    torch.set_num_threads(given.threads)
    {"ours": ours, "plain": plain}[which](given, precision, 3)()
    return devices.peak_memory(torch.device(given.device)) / MIB


def main() -> None:
    given = options()
    torch.set_num_threads(given.threads)
    images, logits = largest_differences(given)
    print(f"largest difference of images {images:.1e}, of logits {logits:.1e}, relative to their mean size")
    peer = float(in_own_process(peak_memory, "plain", "fp32", vars(given)))
    for precision in given.precisions:
        works = ours(given, precision, given.steps), plain(given, "fp32", given.steps)
        title = f"biggan, {given.size} pixels, {precision}, {given.device}; wanted {WANTED}"
        names = ("imagewright", "plain formulation, fp32")
        print_processor_ratios(title, given.steps, "steps/s", names, works, given.rounds)
        memory = float(in_own_process(peak_memory, "ours", precision, vars(given)))
        print(f"  peak memory: imagewright {memory:,.0f} MiB, plain {peer:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
