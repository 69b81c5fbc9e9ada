"""Worker processes that decode ranges of a source straight into the file of the cache.

They are plain child processes and not `multiprocessing`'s, whose children run the user's script again (it would need an
`if __name__ == "__main__"`), and whose fork can hang in a process that has used torch's threads. They import from the
places where this process found its packages, and not from the current folder: that may be a downloaded set of pictures
with a `json.py` in it.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from imagewright.errors import DataError
from imagewright.images.cache.store import Skipped, write_rows_to
from imagewright.images.decoding.decode_range import decode_range
from imagewright.images.decoding.parallel import Range
from imagewright.images.decoding.preprocessing import Preprocessing
from imagewright.images.sources.base import Source

COMMAND = "import sys; sys.path[:] = {places}; from imagewright.images.decoding.workers import serve; serve()"


class DecodeWorkers:
    """A pool of worker processes, started when needed: as many as there are threads that call `decode` at once.

    Each worker reads the source and the preprocessing from its standard input, then ranges. It writes the rows to
    `descriptor`, which it inherits, and prints the unreadable pictures. Leaving the context ends all workers.
    """

    def __init__(self, source: Source, preprocessing: Preprocessing, strict: bool, descriptor: int) -> None:
        # A pickle, but one that never leaves this pair of processes.
        self._task = pickle.dumps((source, preprocessing, strict, descriptor))
        self._descriptor = descriptor
        self._idle: queue.LifoQueue[subprocess.Popen[bytes]] = queue.LifoQueue()
        self._all: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> DecodeWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for process in self._all:
            process.communicate()

    def kill(self) -> None:
        """End all workers at once; `decode` then raises in the threads that wait for them."""
        for process in self._all:
            process.kill()

    def decode(self, bounds: Range) -> list[Skipped]:
        """Decode one range in an idle worker, or in a new one, and return the unreadable pictures.

        Raises the `DataError` or `OSError` of the worker, and `DataError` if the worker was killed.
        """
        try:
            process, task = self._idle.get_nowait(), b""
        except queue.Empty:
            process, task = self._start(), self._task
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(task)
            process.stdin.write(b"%d %d\n" % bounds)
            process.stdin.flush()
            reply = process.stdout.readline()
        except (BrokenPipeError, ValueError):
            reply = b""
        if not reply:
            raise DataError("A decoding worker was ended from outside, as the system does when memory is short.")
        found: dict[str, Any] = json.loads(reply)
        if "errno" in found:
            raise OSError(found["errno"], found["error"])
        if "error" in found:
            raise DataError(found["error"])
        self._idle.put(process)
        return [Skipped(*bad) for bad in found["skipped"]]

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*_interpreter(), "-c", COMMAND.format(places=ascii(_import_places()))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self._descriptor,),
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
        self._all.append(process)
        return process


def _interpreter() -> list[str]:
    """The command of an interpreter with the settings of this one, which does not import from the current folder.

    PYTHONPATH is not passed on, since the interpreter would look there for `sitecustomize` too: a script's own folder
    is on `sys.path`, but only after this process has started.
    """
    flags = ["-P", "-X", f"utf8={sys.flags.utf8_mode}"]  # file names are decoded as in this process
    settings = {"-I": sys.flags.isolated, "-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site}
    return [sys.executable, *flags, *(flag for flag, is_set in settings.items() if is_set)]


def _import_places() -> list[str]:
    """Where to import from: `sys.path` without "" (the current folder), and last the folder of this package."""
    places = [place for place in sys.path if isinstance(place, str) and place]
    package = str(Path(__file__).absolute().parents[3])
    return places if package in places else [*places, package]


def serve() -> None:
    """Run one worker: read the task, then ranges until the input ends, which it does when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    source, preprocessing, strict, descriptor = pickle.load(sys.stdin.buffer)
    write = write_rows_to(descriptor, math.prod(preprocessing.stored_shape))
    for line in sys.stdin.buffer:
        start, stop = line.split()
        try:
            reply: dict[str, Any] = {
                "skipped": decode_range(
                    source,
                    preprocessing,
                    write,
                    (int(start), int(stop)),
                    strict=strict,
                    count=lambda pictures: None,
                    stopped=lambda: False,
                )
            }
        except DataError as error:
            reply = {"error": str(error)}
        except OSError as error:
            reply = {"errno": error.errno, "error": str(error.strerror)}
        print(json.dumps(reply), flush=True)
