"""An evaluation of very many pictures: does memory stay flat?

    python benchmarks/evaluate_scale.py [--pictures 20000 100000] [--features random]

Each size is evaluated in a process of its own, against as many others, grey pictures of 32 pixels in IDX files. It
prints the peak of its own memory, and of that with mapped files. `--features python:evaluate_scale:wide_network@32` has
2,048 features, as Inception has, and costs little.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
from harness import in_own_process, make_parser, measure, print_row


def write_idx(path: Path, count: int, seed: int) -> None:
    """`count` grey pictures of 32 pixels as an IDX file, written in parts."""
    generator = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(bytes([0, 0, 8, 3]) + np.array([count, 32, 32], ">u4").tobytes())
        for start in range(0, count, 10_000):
            some = min(10_000, count - start)
            coarse = generator.integers(0, 256, (some, 8, 8), np.uint8)
            file.write(coarse.repeat(4, 1).repeat(4, 2).tobytes())


class PeakMemory(threading.Thread):
    """The most that was resident, in MiB: the process's own memory, and that with the pages of mapped files, which the
    system may take back at any time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = self.with_files = 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            status = Path("/proc/self/status").read_text()
            found = {line.partition(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Rss")}
            self.own = max(self.own, int(found["RssAnon"]) / 1024)
            self.with_files = max(self.with_files, (int(found["RssAnon"]) + int(found["RssFile"])) / 1024)


def wide_network() -> Any:
    """2,048 features of a picture: random projections of its pixels, rectified."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 2048), torch.nn.ReLU())


def evaluate(count: int, place: str, metrics: list[str], features: str) -> dict[str, float]:
    """Evaluate `count` pictures against as many others: seconds, memory and scores."""
    import imagewright as iw

    paths = []
    for number, name in enumerate(("made-images-idx3-ubyte", "real-images-idx3-ubyte")):
        paths.append(Path(place) / name)
        write_idx(paths[-1], count, number)
    memory = PeakMemory()
    memory.start()
    measured = measure(lambda: iw.evaluate(str(paths[0]), str(paths[1]), metrics=metrics, features=features))
    memory.ended.set()
    row: dict[str, float] = {"pictures": count, "seconds": round(measured.seconds, 1)}
    row |= {"own memory, MiB": round(memory.own), "with mapped files": round(memory.with_files)}
    return row | {score.output: round(score.value, 5) for score in measured.result.scores}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--pictures", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--features", default="random")
    parser.add_argument("--metrics", nargs="+", default=["fd", "kd", "fd_infinity"])
    arguments = parser.parse_args()
    for count in arguments.pictures:
        with tempfile.TemporaryDirectory() as place:
            cache = {"IMAGEWRIGHT_CACHE": f"{place}/cache"}
            print_row(in_own_process(evaluate, count, place, arguments.metrics, arguments.features, environment=cache))


if __name__ == "__main__":
    main()
