"""Commands under `torchrun`: the ranks share the work of some, and the others refuse, before anything is written.

The main rank prints; the others print errors of their own alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from cyclopts import App, CycloptsError

from imagewright import distributed
from imagewright.errors import UserError

SHARED = (
    "sample",
    "reconstruct",
    "translate",
    "score",
    "classify",
    "components",
    "outliers",
    "cluster",
    "compare",
    "latent neighbours",
)
"""Commands whose work the ranks share as `shared_work.py` says."""
BY_THEMSELVES = ("train", "evaluate")
"""Commands that know of ranks by themselves."""
HELP = ("--help", "-h", "--version")


@contextmanager
def as_one_of_ranks(app: App, tokens: Sequence[str]) -> Iterator[bool]:
    """Run a command in the block as this rank should. Yields whether it is run here at all. Nothing for one process.

    app: the root command.
    tokens: the words of the command line.

    Raises `UserError` for a command that runs in one process.
    """
    if distributed.world_size() == 1:
        yield True
        return
    name = _command(app, tokens)
    if name is None:
        yield distributed.is_main()
    elif not name or name.split()[0] in BY_THEMSELVES:
        yield True
    elif name not in SHARED:
        refuse_ranks(name)
    else:
        from imagewright.shared_work import sharing_work

        with sharing_work(), _quiet_unless_main():
            yield True


def refuse_ranks(what: str) -> None:
    """Raise `UserError` if several ranks run.

    what: words of a command line after `imagewright`.
    """
    if distributed.world_size() > 1:
        raise UserError(f"`{what}` runs in one process: start it without torchrun.")


def _command(app: App, tokens: Sequence[str]) -> str | None:
    """The words that name the command; "" for words that name none; None for help, which one rank prints."""
    if any(token in HELP for token in tokens):
        return None
    try:
        chain, apps, left = app.parse_commands(tokens)
    except CycloptsError:
        return ""
    if apps[-1].default_command is not None:
        return " ".join(chain)
    return "" if left else None  # a group of commands alone shows its help


@contextmanager
def _quiet_unless_main() -> Iterator[None]:
    """Print nothing in the block, unless this is the main rank."""
    if distributed.is_main():
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
