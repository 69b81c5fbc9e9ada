"""How soon the command line answers, against importing what any such command line needs.

python benchmarks/start_up.py
"""

from __future__ import annotations

import subprocess
import sys

from timing import in_turn, table

BASE = [sys.executable, "-c", "import pydantic, cyclopts, rich"]


def runs(command: list[str]) -> object:
    """A call of the command in a process of its own."""
    return lambda: subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    for words in (["--help"], ["models"]):
        command = [sys.executable, "-m", "imagewright", *words]
        times = in_turn(runs(command), runs(BASE), rounds=11)
        names = (f"imagewright {' '.join(words)}", "import pydantic, cyclopts, rich")
        ratio = table("Start-up", 1, "runs/s", names, times)
        print(f"  takes {1 / ratio:.2f} times as long as the imports alone (at most 1.5 wanted)")


if __name__ == "__main__":
    main()
