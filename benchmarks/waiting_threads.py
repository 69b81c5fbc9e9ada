"""Steps of a small DCGAN whose waiting threads sleep (PASSIVE, the default here) or spin, alone and beside other work.

python benchmarks/waiting_threads.py [--seconds 3] [--rounds 3] [--busy 4]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from harness import make_parser

POLICIES = {
    "PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "libgomp's own": {"KMP_BLOCKTIME": "200"},  # of another library: it keeps imagewright from setting anything
    "GOMP_SPINCOUNT=3000": {"GOMP_SPINCOUNT": "3000"},
    "ACTIVE": {"OMP_WAIT_POLICY": "ACTIVE"},
}


def time_steps(seconds: float) -> None:
    """Print the milliseconds of a step, and the processor's milliseconds. Runs in a process of its own."""
    import torch

    import imagewright  # noqa: F401 (sets the policy before torch is imported)
    from imagewright.images import Batch
    from imagewright.models.adversarial.dcgan import DCGAN, DCGANConfig
    from imagewright.training.engine import Engine
    from imagewright.training.plan import Plan

    torch.manual_seed(0)
    model = DCGAN(DCGANConfig(size=(32, 32), channels=3, width=16, latent_dim=16)).to(memory_format=torch.channels_last)
    plan = Plan(images_seen=10**6, batch_size=16, micro_batch=None, learning_rate=2e-4)
    engine = Engine(model, plan, torch.device("cpu"))
    batches = {"images": Batch(torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8), None)}
    for index in range(3):
        engine.step(batches, index, 0)
    steps, started, of_processor = 0, time.monotonic(), time.process_time()
    while time.monotonic() - started < seconds:
        engine.step(batches, steps, 0)
        steps += 1
    print(1000 * (time.monotonic() - started) / steps, 1000 * (time.process_time() - of_processor) / steps)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", type=int, default=4, help="other processes that compute all the time")
    parser.add_argument("--child", action="store_true", help="used by this script itself")
    arguments = parser.parse_args()
    if arguments.child:
        time_steps(arguments.seconds)
        return
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    command = [sys.executable, __file__, "--child", "--seconds", str(arguments.seconds)]
    for busy in (0, arguments.busy):
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        found: dict[str, list[list[float]]] = {name: [] for name in POLICIES}
        try:
            for _ in range(arguments.rounds):
                for name, policy in POLICIES.items():
                    done = subprocess.run(command, env=kept | policy, capture_output=True, text=True, check=True)
                    found[name].append([float(each) for each in done.stdout.split()])
        finally:
            for other in others:
                other.kill()
        print(f"beside {busy} processes that compute (load average {os.getloadavg()[0]:.1f})")
        for name, times in found.items():
            step, processor = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"  {name:22s} {step:8.1f} ms a step, {processor:8.1f} ms of the processor")


if __name__ == "__main__":
    main()
