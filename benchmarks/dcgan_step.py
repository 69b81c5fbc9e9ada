"""A DCGAN training step against the plain textbook loop, with the same networks and the same torch.

    python benchmarks/dcgan_step.py [--device cuda --precision bf16 --compile] [--side 64 --width 64 --batch 64]

The textbook loop is the usual example's: contiguous float tensors, two discriminator passes with separate backward
calls, the same fakes for the generator, no parameter frozen, plain Adam. Both get their batches ready in memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import torch
from timing import in_turn, table
from torch import Tensor, nn

from imagewright.images import Batch
from imagewright.models.adversarial.dcgan import DCGAN, DCGANConfig
from imagewright.training import device as devices
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=6, help="in one timed round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--only", choices=["ours", "textbook"], help="one of them alone: what --memory runs")
    return parser.parse_args()


def ours(arguments: argparse.Namespace, images: Tensor) -> object:
    """Our engine, given uint8 channels_last batches as the cache gives them."""
    device = torch.device(arguments.device)
    model = DCGAN(DCGANConfig(size=(arguments.side, arguments.side), channels=3, width=arguments.width))
    devices.prepare(model, device)
    plan = Plan(
        images_seen=10**9,
        batch_size=arguments.batch,
        micro_batch=arguments.batch,
        learning_rate=2e-4,
        ema_half_life=10_000,
        precision=arguments.precision,
        seed=0,
    )
    engine = Engine(model, plan, device)
    if arguments.compile:
        for network in engine.networks.values():
            network.compile()
    batch = Batch(images.contiguous(memory_format=torch.channels_last))
    index = 0

    def steps() -> None:
        nonlocal index
        for _ in range(arguments.steps):
            engine.step({"images": batch}, index, index * arguments.batch)
            index += 1
        synchronise(device)

    return steps


def textbook(arguments: argparse.Namespace, images: Tensor) -> object:
    """The loop as tutorials write it."""
    device = torch.device(arguments.device)
    model = DCGAN(DCGANConfig(size=(arguments.side, arguments.side), channels=3, width=arguments.width)).to(device)
    generator, discriminator = model.generator, model.discriminator
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loss = nn.BCEWithLogitsLoss()
    real = images.float() / 127.5 - 1

    def steps() -> None:
        for _ in range(arguments.steps):
            pictures = real.to(device)
            ones, zeros = torch.ones(len(pictures), device=device), torch.zeros(len(pictures), device=device)
            discriminator.zero_grad()
            on_real = loss(discriminator(pictures), ones)
            on_real.backward()
            fake = generator(torch.randn(len(pictures), 100, 1, 1, device=device))
            on_fake = loss(discriminator(fake.detach()), zeros)
            on_fake.backward()
            adam_d.step()
            generator.zero_grad()
            for_generator = loss(discriminator(fake), ones)
            for_generator.backward()
            adam_g.step()
            (on_real + on_fake).item(), for_generator.item()
        synchronise(device)

    return steps


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_memory(which: str) -> float:
    """MiB that a process doing only this needs at its peak."""
    printed = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--rounds", "1", "--only", which], capture_output=True, check=True
    )
    return float(printed.stdout.split()[-1])


def main() -> None:
    arguments = options()
    images = torch.randint(0, 256, (arguments.batch, 3, arguments.side, arguments.side), dtype=torch.uint8)
    if arguments.only:
        steps = (ours if arguments.only == "ours" else textbook)(arguments, images)
        steps()
        print(devices.memory_bytes(torch.device(arguments.device)) / 2**20)
        return
    times = in_turn(ours(arguments, images), textbook(arguments, images), arguments.rounds)
    what = f"DCGAN step, {arguments.side} pixels, width {arguments.width}, batch {arguments.batch}, {arguments.device}"
    table(what, arguments.steps * arguments.batch, "images/s", ("imagewright", "textbook loop"), times)
    print(f"  peak memory: imagewright {peak_memory('ours'):,.0f} MiB, textbook {peak_memory('textbook'):,.0f} MiB")


if __name__ == "__main__":
    main()
