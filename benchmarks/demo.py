"""`make demo`: a VAE and a DCGAN on the built-in digits, by the commands a user would type, with their samples.

python benchmarks/demo.py --out runs/demo
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from harness import make_parser

TRAININGS = {
    "vae": "--images-seen 120k --latent-dim 16",
    "dcgan": "--images-seen 120k --latent-dim 32 --width 32 --penalty 0.5 --learning-rate 1e-3 --batch-size 32",
}


def run(command: str) -> None:
    """Type one command: shown first, so that the demo teaches it."""
    print(f"\n$ imagewright {command}", flush=True)
    subprocess.run([sys.executable, "-m", "imagewright", *shlex.split(command)], check=True)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/demo"))
    out = parser.parse_args().out
    made: list[Path] = []
    for model, options in TRAININGS.items():
        folder = out / model
        run(f"train {model} digits --out {folder} --force {options}")
        run(f"sample {folder} --count 100 --out {out / f'{model}-samples.png'} --force")
        run(f"interpolate {folder} --steps 10 --out {out / f'{model}-interpolation.png'} --force")
        made += [out / f"{model}-samples.png", out / f"{model}-interpolation.png", folder / "report.html"]
    print("\nThe demo made:")
    for path in made:
        print(f"  {path.resolve()}")


if __name__ == "__main__":
    main()
