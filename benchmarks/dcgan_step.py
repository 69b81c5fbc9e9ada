"""A DCGAN training step against the plain textbook loop, with the same networks and the same torch.

    python benchmarks/dcgan_step.py [--device cuda --precision bf16 --compile] [--side 64 --width 64 --batch 64]

The textbook loop is that of PyTorch's examples (`textbook.py`). Both get their batches ready in memory.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

import torch
from harness import MIB, in_own_process, make_parser, print_ratios, time_in_turn
from textbook import dcgan_step
from training_steps import build_model, build_steps, synchronise

from imagewright.training import device as devices


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=6, help="in one timed round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--compile", action="store_true")
    return parser.parse_args()


def ours(arguments: Namespace) -> Callable[[], None]:
    """A round of our engine's steps."""
    steps = build_steps(
        build_model("dcgan", arguments.side, width=arguments.width),
        pictures(arguments),
        torch.device(arguments.device),
        compiler="inductor" if arguments.compile else None,
        precision=arguments.precision,
    )
    return lambda: steps(arguments.steps)


def textbook(arguments: Namespace) -> Callable[[], None]:
    """A round of the textbook's steps."""
    device = torch.device(arguments.device)
    model = build_model("dcgan", arguments.side, width=arguments.width)
    step = dcgan_step(model, pictures(arguments), device)

    def steps() -> None:
        for _ in range(arguments.steps):
            step()
        synchronise(device)

    return steps


def pictures(arguments: Namespace) -> torch.Tensor:
    """uint8 (N, 3, side, side) of noise, the same each time."""
    generator = torch.Generator().manual_seed(0)
    shape = arguments.batch, 3, arguments.side, arguments.side
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def peak_memory(which: str, arguments: dict[str, object]) -> float:
    """MiB of a process that does two rounds of only this, at its peak: of the GPU if it is used."""
    given = Namespace(**arguments)
    steps = {"ours": ours, "textbook": textbook}[which](given)
    steps(), steps()
    return devices.peak_memory(torch.device(given.device)) / MIB


def main() -> None:
    arguments = options()
    times = time_in_turn(ours(arguments), textbook(arguments), arguments.rounds)
    title = f"DCGAN step, {arguments.side} pixels, width {arguments.width}, batch {arguments.batch}, {arguments.device}"
    print_ratios(title, arguments.steps * arguments.batch, "images/s", ("imagewright", "textbook loop"), times)
    memory = [in_own_process(peak_memory, which, vars(arguments)) for which in ("ours", "textbook")]
    print(f"  peak memory: imagewright {memory[0]:,.0f} MiB, textbook {memory[1]:,.0f} MiB")


if __name__ == "__main__":
    main()
