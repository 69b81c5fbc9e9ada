"""What the exchange of gradients between two ranks costs, beside the step of one with as many pictures a rank.

python benchmarks/exchange.py [--models dcgan vae] [--steps 20] [--rounds 3] [--bandwidth 1 10]

Two processes of one thread each. Without --bandwidth they speak over the loopback; with it over one that passes so
many gigabits a second each way (a token bucket of `tc`; needs root), without delay. Times of the processor are those
of a quiet machine also beside other work; by the clock ranks wait for one another there. The last figure of a line is
the bandwidth at which the bytes alone take a tenth of the step of one rank: a lower bound.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

from harness import MIB, make_parser

MODELS: dict[str, tuple[int, int, dict[str, Any]]] = {  # side, pictures a rank, options
    "dcgan": (64, 16, {}),
    "vae": (64, 16, {}),
    "r3gan": (32, 4, {"width": 64}),
    "stylegan2": (64, 4, {"channel_base": 4_096, "channel_max": 128}),
}
RANKS = 2


def time_ranks(name: str, steps: int, rounds: int) -> None:
    """Print, on rank 0, what steps and their exchanges take. Runs in a process of its own."""
    import torch
    from training_steps import build_engine, build_model, build_steps

    from imagewright import distributed

    torch.set_num_threads(1)
    side, rows, options = MODELS[name]
    spent = {"clock": 0.0, "processor": 0.0, "bytes": 0, "exchanges": 0}
    average = distributed.average_

    def timed_average(tensors: Iterable[torch.Tensor]) -> None:
        tensors = list(tensors)
        started, busy = time.perf_counter(), time.process_time()
        average(tensors)
        spent["clock"] += time.perf_counter() - started
        spent["processor"] += time.process_time() - busy
        spent["bytes"] += sum(each.numel() * each.element_size() for each in tensors)
        spent["exchanges"] += 1

    with distributed.process_group("cpu"):
        model, device = build_model(name, side, **options), torch.device("cpu")
        images = torch.randint(0, 256, (rows, 3, side, side), dtype=torch.uint8)
        run = build_steps(model, images, device)
        run.engine = build_engine(model, rows * distributed.world_size(), device)  # the batch of all ranks
        run(2)
        distributed.average_ = timed_average
        times, of_processor = [], []
        for _ in range(rounds):
            distributed.barrier()
            started, busy = time.perf_counter(), time.process_time()
            run(steps)
            times.append((time.perf_counter() - started) / steps)
            of_processor.append((time.process_time() - busy) / steps)
    if distributed.is_main():
        each = {key: value / (steps * rounds) for key, value in spent.items()}
        print(json.dumps({"step": statistics.median(times), "step_processor": statistics.median(of_processor), **each}))


def measure(name: str, ranks: int, steps: int, rounds: int, bandwidth: float | None) -> dict[str, float]:
    """The figures of rank 0. bandwidth: gigabits a second each way; None for the loopback as it is."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    child = [sys.executable, __file__, "--child", name, "--steps", str(steps), "--rounds", str(rounds)]
    start = ""
    for rank in range(ranks):
        place = f"RANK={rank} LOCAL_RANK={rank} WORLD_SIZE={ranks} MASTER_ADDR=127.0.0.1 MASTER_PORT={port}"
        start += f"env {place} OMP_NUM_THREADS=1 {' '.join(child)}{' > /dev/null' if rank else ''} & "
    command = ["sh", "-c", f"{start} wait"]
    if bandwidth is not None:  # both directions of two ranks share the loopback
        bucket = f"tbf rate {2 * bandwidth:g}gbit burst 1mb latency 100ms"
        slow = f"ip link set lo up && tc qdisc add dev lo root {bucket}"
        command = ["unshare", "--net", "sh", "-c", f"{slow} && {start} wait"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(lines[-1])
    return found


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bandwidth", type=float, nargs="*", default=[], help="gigabits a second; needs root")
    parser.add_argument("--child", help="used by this script itself")
    arguments = parser.parse_args()
    if arguments.child:
        time_ranks(arguments.child, arguments.steps, arguments.rounds)
        return
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    for name in arguments.models:
        side, rows, options = MODELS[name]
        one = measure(name, 1, arguments.steps, arguments.rounds, None)
        print(f"{name} {side} pixels, {rows} pictures a rank {options or ''}: a step of one rank {_times(one, 'step')}")
        for bandwidth in [None, *arguments.bandwidth]:
            two = measure(name, RANKS, arguments.steps, arguments.rounds, bandwidth)
            sent = two["bytes"] * 2 * (RANKS - 1) / RANKS
            tenth = 8 * sent / (0.1 * one["step_processor"]) / 1e9
            where = "loopback" if bandwidth is None else f"{bandwidth:g} Gbit/s"
            print(f"  {where}: {two['exchanges']:.1f} exchanges and {two['bytes'] / MIB:.2f} MiB a step; two ranks")
            print(f"    {_times(two, 'step')}, {two['step'] / one['step']:.2f} times one's by the clock")
            print(
                f"    in exchanges {1000 * two['clock']:.1f} ms by the clock ({two['clock'] / two['step']:.0%}), "
                f"{1000 * two['processor']:.1f} of the processor ({two['processor'] / two['step_processor']:.0%})"
            )
            print(f"    the bytes take a tenth of a step at {tenth:.2f} Gbit/s")


def _times(found: dict[str, float], name: str) -> str:
    return f"{1000 * found[name]:.1f} ms by the clock, {1000 * found[f'{name}_processor']:.1f} of the processor"


if __name__ == "__main__":
    main()
