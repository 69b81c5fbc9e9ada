"""A child process of the studio that runs one command and writes how it ended, also if the studio has closed by then.

    python -m imagewright.studio.serving.worker FOLDER -- COMMAND ...

The folder is locked while the command runs: whoever can lock it knows that nothing runs there. An interrupt goes to
both processes; this one passes over it and waits for the command, which saves and ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ENDED, LOG, PROGRESS, LOCK = "ended", "log.txt", "progress.json", "lock"


def run(folder: Path, command: list[str]) -> int:
    """Run a command with its output in `folder`; returns its exit code."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    _lock(lock)
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: None)
    with (folder / LOG).open("ab") as log:
        environment = os.environ | {"IMAGEWRIGHT_PROGRESS": str(folder / PROGRESS), "PYTHONUNBUFFERED": "1"}
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        code = child.wait()
    temporary = folder / f"{ENDED}.new"
    temporary.write_text(str(code))
    temporary.replace(folder / ENDED)
    return code


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: a job of a studio that was closed is taken for one that runs until it has ended
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[3:]))
