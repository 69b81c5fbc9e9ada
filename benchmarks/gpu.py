"""What a GPU gives: our training steps, sampling and metrics against the plain loops, with the same torch.

    python benchmarks/gpu.py --seconds 360 [--out runs/gpu]
    python benchmarks/gpu.py --tiny                           every case as small as possible, also on a CPU
    python benchmarks/gpu.py --only dcgan bf16                rows whose name, precision or mode holds all of these

Prints a row a case as it ends, and writes all rows to OUT/gpu.json and OUT/gpu.md. When the seconds are over it stops.
A case that fails prints its error in one line, and the others go on. Pictures are made here; nothing is downloaded.
"""

from __future__ import annotations

import gc
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from gpu_cases import CASES, Case, NotAvailableError, Place, Round
from harness import MIB, make_parser
from textbook import torch_defaults

SECONDS_A_CASE = 3.0  # of measuring, each way
MOST_ROUNDS = 9
WARM_UP_ROUNDS = 2  # algorithms are chosen, networks compiled, steps captured


class TimeIsOver(BaseException):
    """The seconds are over. No `Exception`: a case must not take it for its own failure."""


@dataclass(frozen=True)
class Speed:
    """Units a second (median, least and most of the rounds), and the peak memory of the device in MiB."""

    median: float
    least: float
    most: float
    memory: float | None


@dataclass(frozen=True)
class Row:
    """One case as it was measured; `error` says why a speed is missing."""

    case: Case
    ours: Speed | None = None
    plain: Speed | None = None
    error: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast ours is."""
        return self.ours.median / self.plain.median if self.ours and self.plain else None

    def cells(self) -> list[str]:
        """The columns of the table."""
        case = self.case
        return [
            case.what,
            case.precision,
            case.mode,
            self.error or speed_text(self.ours, case.unit),
            memory_text(self.ours),
            speed_text(self.plain, case.unit),
            memory_text(self.plain),
            "" if self.ratio is None else f"{self.ratio:.2f}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        case = {name: getattr(self.case, name) for name in ("what", "precision", "mode", "unit")}
        speeds = {name: None if each is None else asdict(each) for name, each in self._speeds()}
        return {**case, **speeds, "ratio": self.ratio, "error": self.error}

    def _speeds(self) -> list[tuple[str, Speed | None]]:
        return [("ours", self.ours), ("textbook", self.plain)]


HEADER = ["what", "precision", "mode", "ours", "memory", "textbook loop", "its memory", "ratio"]
WIDTHS = [33, 10, 9, 20, 11, 20, 11, 6]


def speed_text(speed: Speed | None, unit: str) -> str:
    if speed is None:
        return ""
    return f"{speed.median:,.1f} {unit}" if speed.median < 1000 else f"{speed.median:,.0f} {unit}"


def memory_text(speed: Speed | None) -> str:
    return "" if speed is None or speed.memory is None else f"{speed.memory:,.0f} MiB"


def measure_speed(build: Callable[[Place], Round], place: Place) -> Speed:
    """Warm up, then measure rounds until there are enough of them or their seconds are over."""
    free_memory(place.device)
    work = build(place)
    for _ in range(1 if place.tiny else WARM_UP_ROUNDS):
        work()
    if place.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place.device)
    speeds: list[float] = []
    ends = time.perf_counter() + (0 if place.tiny else SECONDS_A_CASE)
    while not speeds or (len(speeds) < MOST_ROUNDS and time.perf_counter() < ends):
        started = time.perf_counter()
        count = work()
        speeds.append(count / (time.perf_counter() - started))
    memory = torch.cuda.max_memory_allocated(place.device) / MIB if place.device.type == "cuda" else None
    return Speed(statistics.median(speeds), min(speeds), max(speeds), memory)


def free_memory(device: torch.device) -> None:
    """Give back what the case before has left."""
    if "torch._dynamo" in sys.modules:  # else nothing was compiled, and importing it takes seconds
        torch.compiler.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def measure_case(case: Case, place: Place, plain_speeds: dict[tuple[str, str], Speed]) -> Row:
    """Both speeds of a case. The textbook's is measured once for all modes of one precision: `plain_speeds`."""
    ours = plain = None
    try:
        ours = measure_speed(case.ours, place)
        key = (case.what, case.precision)
        if case.plain is not None and key not in plain_speeds:
            with torch_defaults():
                plain_speeds[key] = measure_speed(case.plain, place)
        plain = plain_speeds.get(key)
    except NotAvailableError as error:
        return Row(case, error=f"not available: {error}")
    except Exception as error:  # noqa: BLE001 (whatever it is, the other cases are to be measured)
        words = " ".join(str(error).split())[:160]
        return Row(case, ours, error=f"failed: {type(error).__name__}: {words}")
    return Row(case, ours, plain)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeIsOver` in the block after so many seconds."""

    def end(*_: object) -> None:
        raise TimeIsOver

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def machine(device: torch.device) -> dict[str, str]:
    """What the numbers depend on."""
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return {"card": card, "torch": torch.__version__, "cuda": torch.version.cuda or ""}


def write(rows: list[Row], about: dict[str, str], out: Path) -> None:
    """All rows so far: the table for people, and JSON."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "gpu.json").write_text(json.dumps(about | {"rows": [row.to_dict() for row in rows]}, indent=1) + "\n")
    lines = [HEADER, ["---"] * len(HEADER), *(row.cells() for row in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    cuda = f", CUDA {about['cuda']}" if about["cuda"] else ""
    (out / "gpu.md").write_text(f"{about['card']}, torch {about['torch']}{cuda}\n\n{table}\n")


def print_cells(cells: list[str]) -> None:
    print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip(), flush=True)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=360, help="to stop after")
    parser.add_argument("--tiny", action="store_true", help="everything as small as possible: does every case work?")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N cases")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    about, rows, plain_speeds = machine(device), [], {}
    chosen = [
        case
        for case in CASES
        if all(word in (*case.what.split(), case.precision, case.mode) for word in arguments.only)
    ][: arguments.first]
    ends = time.monotonic() + arguments.seconds
    print(f"{about['card']}, torch {about['torch']}{' (tiny: speeds mean nothing)' if arguments.tiny else ''}")
    print_cells(HEADER)
    try:
        with tempfile.TemporaryDirectory() as folder, time_limit(arguments.seconds):
            place = Place(device, arguments.tiny, Path(folder))
            for case in chosen:
                if not place.tiny and ends - time.monotonic() < case.least_seconds:
                    rows.append(Row(case, error="no time left"))
                else:
                    rows.append(measure_case(case, place, plain_speeds))
                print_cells(rows[-1].cells())
                write(rows, about, arguments.out)
    except TimeIsOver:
        print(f"{arguments.seconds:g} seconds are over: {len(rows)} of {len(chosen)} cases are measured")
    print(f"written to {arguments.out / 'gpu.md'} and {arguments.out / 'gpu.json'}")
    failed = [row for row in rows if row.error.startswith("failed")]
    if arguments.tiny and failed:
        sys.exit(f"{len(failed)} cases do not work")


if __name__ == "__main__":
    main()
