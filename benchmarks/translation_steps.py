"""A training step of CycleGAN and of pix2pix against the plain loop, with the same networks and the same torch.

    python benchmarks/translation_steps.py [--models cyclegan pix2pix] [--precisions fp32 bf16] [--threads 1]

The plain loops (`textbook.py`) are in fp32, with PyTorch's instance norm and Adam, and contiguous tensors. CycleGAN:
128 pixels, 9 residual blocks; pix2pix: 256 pixels, the U-Net; both with the published widths and one picture a step.
Times are of the processor. Both get their batches ready in memory.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

import torch
from harness import MIB, in_own_process, make_parser, print_processor_ratios
from textbook import cyclegan_step, pix2pix_step
from training_steps import EngineSteps, build_engine, build_model, synchronise

from imagewright.images import Batch
from imagewright.model import Model
from imagewright.training import device as devices

SIDES = {"cyclegan": 128, "pix2pix": 256}
WANTED = {"fp32": 1.05, "bf16": 1.5}


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--models", nargs="+", default=list(SIDES), choices=list(SIDES))
    parser.add_argument("--precisions", nargs="+", default=list(WANTED), choices=list(WANTED))
    parser.add_argument("--steps", type=int, default=1, help="in one timed round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def model_of(name: str) -> Model:
    """The model with the published options."""
    if name == "cyclegan":
        return build_model(name, SIDES[name], blocks=9)
    return build_model(name, SIDES[name])


def pictures(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Two uint8 (1, 3, side, side) of noise, the same each time."""
    generator = torch.Generator().manual_seed(0)
    shape = 1, 3, SIDES[name], SIDES[name]
    one, other = (torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) for _ in range(2))
    return one, other


def ours(name: str, precision: str, device: str, steps: int) -> Callable[[], None]:
    """A round of our engine's steps."""
    one, other = (each.contiguous(memory_format=torch.channels_last) for each in pictures(name))
    engine = build_engine(model_of(name), 1, torch.device(device), precision=precision)
    if name == "cyclegan":
        batches = {"a": Batch(one), "b": Batch(other)}
    else:
        batches = {"images": Batch(other, layers={"input": one, "target": other})}
    run = EngineSteps(engine, batches)
    return lambda: run(steps)


def plain(name: str, precision: str, device: str, steps: int) -> Callable[[], None]:
    """A round of the plain loop's steps."""
    loop = cyclegan_step if name == "cyclegan" else pix2pix_step
    step = loop(model_of(name), *pictures(name), torch.device(device), precision)

    def run() -> None:
        for _ in range(steps):
            step()
        synchronise(torch.device(device))

    return run


def peak_memory(which: str, name: str, precision: str, arguments: dict[str, object]) -> float:
    """MiB of a process that does three steps of only this, at its peak: of the GPU if it is used."""
    given = Namespace(**arguments)
    torch.set_num_threads(given.threads)
    work = {"ours": ours, "plain": plain}[which](name, precision, given.device, 3)
    work()
    return devices.peak_memory(torch.device(given.device)) / MIB


def main() -> None:
    arguments = options()
    torch.set_num_threads(arguments.threads)
    for name in arguments.models:
        peer = peak_memory_of("plain", name, "fp32", arguments)
        for precision in arguments.precisions:
            works = (
                ours(name, precision, arguments.device, arguments.steps),
                plain(name, "fp32", arguments.device, arguments.steps),
            )
            title = f"{name}, {SIDES[name]} pixels, {precision}, {arguments.device}; wanted {WANTED[precision]}"
            names = ("imagewright", "plain loop, fp32")
            print_processor_ratios(title, arguments.steps, "steps/s", names, works, arguments.rounds)
            memory = peak_memory_of("ours", name, precision, arguments)
            print(f"  peak memory: imagewright {memory:,.0f} MiB, plain loop {peer:,.0f} MiB", flush=True)


def peak_memory_of(which: str, name: str, precision: str, arguments: Namespace) -> float:
    """`peak_memory` in a process of its own."""
    return float(in_own_process(peak_memory, which, name, precision, vars(arguments)))


if __name__ == "__main__":
    main()
