"""Evaluation and analysis in one process and in two of one thread each: seconds, and processor seconds of the busier.

    python benchmarks/analysis_ranks.py [--count 2000] [--side 128] [--rounds 3] [--features random]

Pictures are the built-in set `shapes`, drawn into files and prepared before anything is measured. Each command runs
whole, start and all, in one process and in two in turn, without a cache of features. `times_as_fast` is the ratio of
seconds, which needs two free cores; `processor_ratio` is the processor time of one process to that of the busier of
two, which other work on the machine hardly changes: the ratio of seconds on two free cores, but for waiting.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import make_parser, print_row

import imagewright as iw

WORKS = {
    "evaluate": "evaluate {set} --against {set} --features {features} --metrics fd:interval=false --out {out}.json",
    "outliers by a network": "outliers {set} --features {features} --out {out}",
    "cluster by a network": "cluster {set} --features {features} --clusters 8 --out {out}",
    "components": "components {set} --size 64 --components 50 --out {out}",
}


def run(command: list[str], world: int, cache: Path) -> tuple[float, float]:
    """Seconds of a command on so many ranks, and processor seconds of the busiest one."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    began, waiting = time.perf_counter(), []
    for rank in range(world):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
        place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1, "IMAGEWRIGHT_CACHE": cache}
        environment = os.environ | {name: str(value) for name, value in place.items()}
        typed = [sys.executable, "-m", "imagewright", *command]
        waiting.append(subprocess.Popen(typed, env=environment, stdout=subprocess.DEVNULL).pid)
    processor = []
    for process in waiting:
        _, status, used = os.wait4(process, 0)
        if status:
            raise SystemExit(f"imagewright {' '.join(command)} failed on {world} ranks.")
        processor.append(used.ru_utime + used.ru_stime)
    return time.perf_counter() - began, max(processor)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--features", default="random")
    parser.add_argument("--works", nargs="+", choices=list(WORKS), default=list(WORKS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures, cache = Path(folder) / "shapes", Path(folder) / "cache"
        iw.make_shapes(pictures, count=asked.count, size=asked.side)
        for name in asked.works:
            found: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
            for round_ in range(asked.rounds + 1):
                for world, seconds in found.items():
                    out = Path(folder) / f"{world}-{round_}"
                    typed = WORKS[name].format(set=pictures, features=asked.features, out=out).split()
                    measured = run(typed, world, cache)
                    shutil.rmtree(cache / "features", ignore_errors=True)
                    if round_:  # the first one prepares the pictures
                        seconds.append(measured)
            pairs = list(zip(found[1], found[2], strict=True))
            ratios = [one[0] / two[0] for one, two in pairs]
            print_row(
                {
                    "work": name,
                    "pictures": asked.count,
                    "one_s": round(statistics.median(one[0] for one, _ in pairs), 2),
                    "two_s": round(statistics.median(two[0] for _, two in pairs), 2),
                    "times_as_fast": round(statistics.median(ratios), 2),
                    "from": round(min(ratios), 2),
                    "to": round(max(ratios), 2),
                    "processor_ratio": round(statistics.median(one[1] / two[1] for one, two in pairs), 2),
                    "load": round(os.getloadavg()[0], 1),
                }
            )


if __name__ == "__main__":
    main()
