"""The command line: parse options, call one public function, print or write its result. No heavy import at start."""

from __future__ import annotations

from collections.abc import Sequence

from imagewright.cli.termination import leaving_if_interrupted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code, as `imagewright.cli.app.main` does.

    arguments: those of the command line by default.
    """
    if arguments is not None:
        from imagewright.cli.app import main as run

        return run(arguments)
    with leaving_if_interrupted():
        from imagewright.cli.app import main as run
    return run()


__all__ = ["main"]
