"""What a change costs: trainings by this checkout and by another one, in turn.

    git worktree add ../before v0.1
    python benchmarks/versions.py ../before

Each training runs in a process of its own, by the public face alone, on the same random pictures with two threads. The
figure is the seconds between the first report and the last, without previews and checkpoints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import make_parser, print_ratios

HERE = Path(__file__).resolve().parents[1]
MLP = {"network": "mlp", "width": 400, "latent_dim": 20, "likelihood": "bernoulli"}
# Of each case: model, pictures, images seen between the two reports, options.
CASES = {
    "DCGAN, 64 pixels, width 64": ("dcgan", (256, 3, 64, 64), 640, {"width": 64, "batch_size": 64}),
    "DCGAN, 16 pixels, width 8": ("dcgan", (256, 3, 16, 16), 3_200, {"width": 8, "batch_size": 16}),
    "MLP VAE, 28 pixels": ("vae", (1_000, 1, 28, 28), 40_000, {"batch_size": 100, **MLP}),
}
CHILD = """
import json, sys
import numpy as np
import torch
import imagewright as iw

from imagewright.training.options import TrainingOptions

model, shape, between, options, tree, folder = json.loads(sys.argv[1])
published = {"defaults": "published", "precision": "fp32"}  # not all versions have both options
options |= {name: value for name, value in published.items() if name in TrainingOptions.__dataclass_fields__}
assert iw.__file__.startswith(tree), f"{iw.__file__} is not of {tree}"
torch.set_num_threads(2)
pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
run = iw.train(model, pictures, folder, images_seen=2 * between, report_every=between, held_out=0,
               checkpoint_every=10**9, **options)
first, last = run.metrics()
print(last["seconds"] - first["seconds"])
"""


def time_training(tree: Path, case: str) -> float:
    """Seconds of a case with the source of a checkout."""
    with tempfile.TemporaryDirectory() as folder:
        given = json.dumps([*CASES[case], str(tree), str(Path(folder) / "run")])
        place = os.environ | {"PYTHONPATH": str(tree / "src")}
        command = [sys.executable, "-c", CHILD, given]
        made = subprocess.run(command, env=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return float(made.stdout.split()[-1])


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    other = arguments.other.resolve()
    for case in CASES:
        pairs = [(time_training(HERE, case), time_training(other, case)) for _ in range(arguments.rounds)]
        ours, theirs = zip(*pairs, strict=True)
        print_ratios(case, CASES[case][2], "images/s", ("this checkout", "the other"), (list(ours), list(theirs)))


if __name__ == "__main__":
    main()
