"""Worker processes that decode ranges of a source straight into the file of the cache.

Plain child processes and not `multiprocessing`: its children run the user's script again, which then needs an
`if __name__ == "__main__"`, and a fork of a process that has used torch's threads can hang.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
from typing import Any

from imagewright.errors import DataError
from imagewright.images.cache.store import Skipped, rows_into
from imagewright.images.decoding.decode_range import decode_range
from imagewright.images.decoding.parallel import Range
from imagewright.images.decoding.preprocessing import Recipe
from imagewright.images.sources.base import Source

COMMAND = "from imagewright.images.decoding.workers import serve; serve()"


class DecodeWorkers:
    """A pool of worker processes, started as they are needed: as many as threads call `decode` at once.

    Each gets the source and the recipe on its standard input, then ranges; it writes the rows to `descriptor`, which it
    inherits, and answers with the pictures skipped. Leaving the context ends them.
    """

    def __init__(self, source: Source, recipe: Recipe, strict: bool, descriptor: int) -> None:
        # A pickle, but one that never leaves this pair of processes.
        self._task = pickle.dumps((source, recipe, strict, descriptor))
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
        """End all workers at once, whatever they are at; `decode` then raises in the threads that wait for them."""
        for process in self._all:
            process.kill()

    def decode(self, bounds: Range) -> list[Skipped]:
        """Decode one range in an idle worker, or in a new one. Raises what went wrong there."""
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
            answer = process.stdout.readline()
        except (BrokenPipeError, ValueError):
            answer = b""
        if not answer:
            raise DataError("A decoding worker was ended from outside, as the system does when memory is short.")
        found: dict[str, Any] = json.loads(answer)
        if "errno" in found:
            raise OSError(found["errno"], found["error"])
        if "error" in found:
            raise DataError(found["error"])
        self._idle.put(process)
        return [(int(index), str(name), str(reason)) for index, name, reason in found["skipped"]]

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self._descriptor,),
            env=environment,
        )
        self._all.append(process)
        return process


def serve() -> None:
    """The life of one worker: a task, then ranges until the input ends, as it does when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    source, recipe, strict, descriptor = pickle.load(sys.stdin.buffer)
    write = rows_into(descriptor, recipe.canvas[0] * recipe.canvas[1] * recipe.channels)
    for line in sys.stdin.buffer:
        start, stop = line.split()
        try:
            answer: dict[str, Any] = {
                "skipped": decode_range(
                    source,
                    recipe,
                    write,
                    (int(start), int(stop)),
                    strict=strict,
                    count=lambda pictures: None,
                    stopped=lambda: False,
                )
            }
        except DataError as error:
            answer = {"error": str(error)}
        except OSError as error:
            answer = {"errno": error.errno, "error": str(error.strerror)}
        print(json.dumps(answer), flush=True)
