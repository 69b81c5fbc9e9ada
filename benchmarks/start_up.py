"""How soon the command line answers, and how soon a training makes its first step, against plain scripts.

python benchmarks/start_up.py [--rounds 11]
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

from harness import make_parser, print_ratios, time_in_turn

IMPORTS_ALONE = [sys.executable, "-c", "import pydantic, cyclopts, rich"]


# To the first step of a DCGAN of the built-in digits, and the same by PyTorch alone.
FIRST_STEP = """
import os, sys, tempfile
import imagewright as iw
from imagewright.training.reporting import Silent

class Stop(Silent):
    def progressed(self, images_seen):
        if images_seen:
            os._exit(0)

iw.train("dcgan", "digits", tempfile.mkdtemp() + "/run", images_seen=640, width=32, batch_size=64, reporter=Stop())
"""
PLAIN_FIRST_STEP = """
import torch
from torch import nn
from sklearn.datasets import load_digits

digits = torch.from_numpy(load_digits().images).float()[:, None] / 8 - 1
generator = nn.Sequential(nn.ConvTranspose2d(100, 32, 4, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
                          nn.ConvTranspose2d(32, 1, 4, 2, 1, bias=False), nn.Tanh())
discriminator = nn.Sequential(nn.Conv2d(1, 32, 4, 2, 1, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(32, 1, 4))
optimizers = [torch.optim.Adam(each.parameters(), 2e-4, (0.5, 0.999)) for each in (generator, discriminator)]
fake, loss = generator(torch.randn(64, 100, 1, 1)), nn.BCEWithLogitsLoss()
for optimizer, pairs in zip(optimizers, ([(fake, 1.0)], [(digits[:64], 1.0), (fake.detach(), 0.0)])):
    optimizer.zero_grad()
    sum(loss(logits := discriminator(x).flatten(), torch.full_like(logits, y)) for x, y in pairs).backward()
    optimizer.step()
"""


def processor_seconds(code: str) -> float:
    """Of a Python process that runs this code. Other work on the machine hardly counts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def call(command: list[str]) -> Callable[[], object]:
    """A call of the command in a process of its own."""
    return lambda: subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    for words in (["--help"], ["models"]):
        command = [sys.executable, "-m", "imagewright", *words]
        times = time_in_turn(call(command), call(IMPORTS_ALONE), rounds)
        names = (f"imagewright {' '.join(words)}", "import pydantic, cyclopts, rich")
        ratio = print_ratios("Start-up", 1, "runs/s", names, times)
        print(f"  takes {1 / ratio:.2f} times as long as the imports alone (at most 1.5 wanted)")
    pairs = [(processor_seconds(FIRST_STEP), processor_seconds(PLAIN_FIRST_STEP)) for _ in range(max(1, rounds // 3))]
    ours, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"To the first step of a DCGAN of digits: {ours:.2f} s of the processor, a plain script {plain:.2f} s")
    print(f"  {ours / plain:.2f} times as long (at most 1.3 wanted)")


if __name__ == "__main__":
    main()
