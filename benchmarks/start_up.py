"""How soon the command line answers, against importing what any such command line needs.

python benchmarks/start_up.py [--rounds 11]
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from harness import make_parser, print_ratios, time_in_turn

IMPORTS_ALONE = [sys.executable, "-c", "import pydantic, cyclopts, rich"]


def call(command: list[str]) -> Callable[[], object]:
    """A call of the command in a process of its own."""
    return lambda: subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    for words in (["--help"], ["models"]):
        command = [sys.executable, "-m", "imagewright", *words]
        times = time_in_turn(call(command), call(IMPORTS_ALONE), rounds)
        names = (f"imagewright {' '.join(words)}", "import pydantic, cyclopts, rich")
        ratio = print_ratios("Start-up", 1, "runs/s", names, times)
        print(f"  takes {1 / ratio:.2f} times as long as the imports alone (at most 1.5 wanted)")


if __name__ == "__main__":
    main()
