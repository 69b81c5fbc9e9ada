"""The command line: parse options, call one public function, print or write its result. No heavy import at start."""

from __future__ import annotations

from imagewright.cli.interruption import LeavingIfInterrupted

TYPE_CHECKING = False  # as `typing` has it, which takes longer to import than all else before the handler of Ctrl-C
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code, as `imagewright.cli.app.main` does.

    arguments: those of the command line by default.
    """
    if arguments is not None:
        from imagewright.cli.app import main as run

        return run(arguments)
    import gc

    gc.disable()  # what modules make when they are imported stays: looking through it for cycles finds none
    with LeavingIfInterrupted():
        from imagewright.cli.app import main as run
    gc.freeze()
    gc.enable()
    return run()


__all__ = ["main"]
