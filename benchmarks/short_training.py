"""A training of a hundred steps against its steps alone: what grids, pages, examinations and checkpoints cost.

Processor time is compared, so that other work on the machine does not count.

python benchmarks/short_training.py [--model dcgan] [--size 64] [--steps 100]
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from harness import make_parser


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()

    import numpy as np

    import imagewright as iw
    from imagewright.training.engine import Engine
    from imagewright.training.reporting import Silent

    spent = 0.0
    step = Engine.step

    def timed(self: Engine, *given: Any) -> None:
        nonlocal spent
        started = time.process_time()
        step(self, *given)
        spent += time.process_time() - started

    Engine.step = timed  # type: ignore[method-assign]
    pictures = np.random.default_rng(0).integers(0, 256, (1_000, 3, arguments.size, arguments.size), dtype=np.uint8)
    options: dict[str, Any] = {"batch_size": 16, "precision": "fp32", "reporter": Silent()}
    with tempfile.TemporaryDirectory() as folder:
        images = iw.open_images(pictures).prepare()
        iw.train(arguments.model, images, Path(folder) / "first", images_seen=32, **options)  # imports, and prepares
        spent, started = 0.0, time.process_time()
        run = iw.train(arguments.model, images, Path(folder) / "run", images_seen=16 * arguments.steps, **options)
        whole = time.process_time() - started
        print(
            f"{arguments.model} at {arguments.size} pixels, {arguments.steps} steps of 16, {len(run.metrics())} reports"
        )
        print(f"  whole training {whole:.2f} s, its steps {spent:.2f} s: {whole / spent:.2f} times (1.1 wanted)")


if __name__ == "__main__":
    main()
