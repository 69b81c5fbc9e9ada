"""What the benchmark scripts share: arguments, timings in turn, memory, processes of their own, and rows of JSON.

Timings are compared as ratios: the two works alternate (A B A B ...), so that a machine that drifts slows both, and the
ratio is taken pair by pair. Memory is only meaningful in a process that does nothing else: `in_own_process`.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""The pictures that lie beside the repository, a folder a set."""

AS_RECORDED = {"defaults": "published", "precision": "fp32"}
"""Options with which the figures of docs/measurements.md were measured, where a script gives no others."""

MIB = 2**20


# Arguments


def make_parser(description: str | None, **options: Any) -> argparse.ArgumentParser:
    """A parser whose help is the script's docstring, line breaks included."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, **options
    )


def add_seeds(parser: argparse.ArgumentParser, seeds: Iterable[int] = (0, 1, 2)) -> None:
    """Add `--seeds`: every figure of quality is measured over several."""
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Options of a model typed as `NAME=VALUE`: numbers as numbers, anything else as text."""
    typed = (setting.split("=", 1) for setting in settings)
    return {name: _number_or_text(value) for name, value in typed}


def _number_or_text(value: str) -> Any:
    if value[:1] not in set("0123456789-"):
        return value
    try:
        return json.loads(value)
    except ValueError:  # several numbers with commas between them
        return value


# Time


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    return measure(work).seconds


def time_in_turn(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of each, A B A B ... One round before is not counted: it warms up."""
    ours(), theirs()
    pairs = [(seconds_of(ours), seconds_of(theirs)) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def print_ratios(
    title: str, count: float, unit: str, names: tuple[str, str], times: tuple[list[float], list[float]]
) -> float:
    """Print both speeds (medians) and the ratio pair by pair; returns the median ratio, above 1: the first is faster.

    title: what is timed
    count: how much of `unit` one call does
    unit: such as "images/s"
    names: of the two works
    times: seconds of each, as `time_in_turn` returns them
    """
    ratios = sorted(theirs / ours for ours, theirs in zip(*times, strict=True))
    print(f"\n{title}")
    for name, seconds in zip(names, times, strict=True):
        print(f"  {name:<28} {count / statistics.median(seconds):>12,.1f} {unit}")
    middle = statistics.median(ratios)
    print(f"  ratio {middle:.3f} (from {ratios[0]:.3f} to {ratios[-1]:.3f} over {len(ratios)} pairs)")
    return middle


def print_processor_ratios(
    title: str,
    count: float,
    unit: str,
    names: tuple[str, str],
    works: tuple[Callable[[], object], Callable[[], object]],
    rounds: int,
) -> float:
    """As `print_ratios`, with processor seconds of two works in turn: another program beside them matters less."""
    for work in works:
        work()
    pairs = [tuple(measure(work).processor_seconds for work in works) for _ in range(rounds)]
    return print_ratios(f"{title} (processor time)", count, unit, names, ([a for a, _ in pairs], [b for _, b in pairs]))


# Memory


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: unlike getrusage, it does not start at the peak of the process that started this one
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def warm_up_arithmetic() -> None:
    """Let the arithmetic library take its own memory, which is no part of a method that is measured afterwards."""
    import torch

    torch.randn(256, 256) @ torch.randn(256, 256)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One call: seconds of the clock and of the processor, and the process's memory in bytes."""

    seconds: float
    processor_seconds: float
    added_bytes: int  # the peak after the call less the peak before it: what came after the imports
    peak_bytes: int
    result: Any


def measure(work: Callable[[], Any]) -> Measurement:
    """Call `work` once. Processor seconds are of all threads; work elsewhere on the machine does not lengthen them."""
    before, started, used = peak_bytes(), time.perf_counter(), time.process_time()
    result = work()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    after = peak_bytes()
    return Measurement(
        seconds=seconds, processor_seconds=used, added_bytes=after - before, peak_bytes=after, result=result
    )


# The plain way


def read_matrix(images: Any) -> Any:
    """All pictures as one float32 matrix (N, C * H * W) of values from 0 to 255, as scikit-learn takes them."""
    import numpy as np

    matrix = np.empty((len(images), images.channels * images.height * images.width), np.float32)
    first = 0
    for batch in images.batches(512):
        rows = batch.images.numpy().reshape(len(batch.images), -1)
        matrix[first : first + len(rows)] = rows
        first += len(rows)
    return matrix


# Processes


def in_own_process(work: Callable[..., Any], *arguments: Any, environment: dict[str, str] | None = None) -> Any:
    """Call a function of a benchmark script in a process of its own, and return what it returned.

    work: a function at the top level of a script in this folder, whose result is a JSON value
    arguments: JSON values or paths (which arrive as text)
    environment: variables that differ from this process's

    What the function prints is passed on. Raises `CalledProcessError` if the process fails; its errors are shown.
    """
    script = Path(inspect.getfile(work))
    call = (
        f"import json, sys; sys.path.insert(0, {str(script.parent)!r}); import {script.stem}; "
        f"print(json.dumps({script.stem}.{work.__name__}(*json.loads(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", call, json.dumps(arguments, default=str)]
    variables = {**os.environ, **(environment or {})}
    *lines, result = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=variables
    ).stdout.splitlines()
    for line in lines:
        print(line, flush=True)
    return json.loads(result)


# Results


def print_row(row: dict[str, Any]) -> None:
    """One line of JSON, at once: long benchmarks are read while they run."""
    print(json.dumps(row), flush=True)
