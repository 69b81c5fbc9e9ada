"""A child process of the studio that runs one command and writes how it ended, also if the studio has closed by then.

    python -m imagewright.studio.serving.worker FOLDER -- COMMAND ...

The folder is locked while the command runs: whoever can lock it knows that nothing runs there. The studio locked it
before it started this process, which holds the lock until its end. An interrupt goes to both processes; this one passes
over it and waits for the command, which saves and ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from imagewright.studio.serving.processes import interrupt_if_asked, pass_over_interrupts

ENDED, LOG, PROGRESS, LOCK = "ended", "log.txt", "progress.json", "lock"
ENDING = f"{ENDED}.new"  # has its place on the disk from the start, since the disk may be full at the end
LENGTH = 12  # bytes of it


def run(folder: Path, command: list[str]) -> int:
    """Run a command with its output in `folder`; returns its exit code."""
    pass_over_interrupts()
    with (folder / LOG).open("ab") as log:
        environment = os.environ | {"IMAGEWRIGHT_PROGRESS": str(folder / PROGRESS), "PYTHONUNBUFFERED": "1"}
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        interrupt_if_asked(child)
        code = child.wait()
    with (folder / ENDING).open("r+") as ending:
        ending.write(str(code).ljust(LENGTH))
    (folder / ENDING).replace(folder / ENDED)
    return code


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[3:]))
