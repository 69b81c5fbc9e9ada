"""Errors as one or two lines on the error stream, and as exit codes: 2 for a user's mistake, 1 for other errors."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cyclopts import (
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from imagewright import distributed
from imagewright.cli.interruption import INTERRUPTED
from imagewright.cli.streams import discard
from imagewright.cli.termination import TERMINATED, Preempted, Terminated
from imagewright.errors import LONGEST_MESSAGE, PREEMPTED, ImagewrightError, UserError, nearest, one_line
from imagewright.familiar_names import COMMANDS, suggest_option
from imagewright.terminal import printable, raw_stream

DEBUG = "IMAGEWRIGHT_DEBUG"
SECONDS_FOR_FIRST_RANK = 2.0  # to print its message: torchrun ends all ranks as soon as one has ended
OUT_OF_MEMORY = (
    "Out of memory. Lower --batch-size, --size or the model's width; or set --micro-batch, which computes the batch in "
    "parts."
)
OUT_OF_MEMORY_WITHOUT_TRAINING = (
    "Out of memory. Give fewer pictures or a smaller --size where the command takes them, or close other programs."
)


@dataclass
class Outcome:
    """How a command ended."""

    exit_code: int = 0


@contextmanager
def report_failures(tokens: Sequence[str]) -> Iterator[Outcome]:
    """Turn an exception of the block into a message and an exit code. IMAGEWRIGHT_DEBUG=1 adds the traceback.

    tokens: the words of the command line, so that messages name options as they were typed.
    """
    outcome = Outcome()
    try:
        yield outcome
        sys.stdout.flush()  # a closed pipe raises here and not at exit
    except BrokenPipeError:
        discard(sys.stdout)
    except KeyboardInterrupt as interrupt:
        outcome.exit_code, said = INTERRUPTED, "Interrupted."
        if isinstance(interrupt, Terminated):
            outcome.exit_code, said = TERMINATED, "Terminated."
        elif isinstance(interrupt, Preempted):
            outcome.exit_code, said = PREEMPTED, "Ended by SIGUSR1."
        if distributed.local_rank() == 0:
            say_error(_with_notes(said, interrupt))
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # how rich handles a closed pipe
            discard(sys.stdout)
        else:
            outcome.exit_code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except Exception as error:  # noqa: BLE001 (the outermost handler: any other error needs a message too)
        outcome.exit_code, message = _explain(error, tokens)
        if os.environ.get(DEBUG, "") not in ("", "0"):
            import traceback

            traceback.print_exc()
        if distributed.local_rank() == 0 or not _is_same_on_all_ranks(error, outcome.exit_code):
            say_error(as_typed(_with_notes(message, error), tokens))
        else:
            time.sleep(SECONDS_FOR_FIRST_RANK)


def _with_notes(message: str, error: BaseException) -> str:
    """The message, and what was noted on the error on its way: how much was written."""
    return " ".join([message, *getattr(error, "__notes__", ())])


def _explain(error: Exception, tokens: Sequence[str]) -> tuple[int, str]:
    """The exit code and the message for an error."""
    if isinstance(error, ImagewrightError):
        # Names in it may come from files: a line break or a terminal's escape in one is not printed.
        return error.exit_code, one_line(error, LONGEST_MESSAGE)
    if isinstance(error, CycloptsError):
        return 2, _explain_usage(error)
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return 1, OUT_OF_MEMORY if "train" in tokens[:1] else OUT_OF_MEMORY_WITHOUT_TRAINING
    if isinstance(error, OSError) and error.strerror:
        return 1, f"{error.filename or 'Reading or writing failed'}: {error.strerror}."
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return 2, "~ means nothing here, because this user has no home folder (HOME is not set): write the whole path."
    what = f"{type(error).__name__}: {one_line(error)}"
    return 1, f"imagewright stopped at an unexpected error ({what}). {DEBUG}=1 shows the traceback."


def _explain_usage(error: CycloptsError) -> str:
    """The message for words of the command line that cannot be parsed."""
    if isinstance(error, MissingArgumentError) and error.argument is not None and not error.argument.tokens:
        return f"`{_command(error)}` needs {error.argument.name}. `{_command(error)} --help` shows how."
    if isinstance(error, UnusedCliTokensError):
        unknown = " ".join(error.unused_tokens or ())
        return f"`{_command(error)}` takes no `{unknown}`. `{_command(error)} --help` shows what it takes."
    if isinstance(error, UnknownCommandError) and error.unused_tokens and error.app is not None:
        return _explain_unknown_command(error)
    if isinstance(error, UnknownOptionError):
        return _explain_unknown(error)
    return f"{' '.join(str(error).split())} See `{_command(error)} --help`."


BUILTIN_SETS = ("shapes", "digits", "faces")
KINDS = {"imagewright train": "model", "imagewright lesson": "lesson"}


def _explain_unknown_command(error: UnknownCommandError) -> str:
    """The message for a word that is no command, with the nearest one; a model's name is one of `train`."""
    from imagewright import catalogue

    tokens = list(error.unused_tokens or ())
    typed, rest = tokens[0], tokens[1:]
    group = _command(error)
    found = nearest(typed, (name for name in error.app or () if not name.startswith("-")))
    models = catalogue.entries() if group == "imagewright" else {}
    if typed in models:
        hint = f" It is a model: `{' '.join(['imagewright train', typed, *rest])}` trains one."
    elif group == "imagewright" and typed in BUILTIN_SETS:
        hint = f" It is a set of pictures: `imagewright train MODEL {typed}`, `imagewright tour {typed}`."
    elif group == "imagewright" and typed.lower() in COMMANDS:
        hint = f" It is called `{' '.join([group, COMMANDS[typed.lower()], *rest])}` here."
    else:
        meant = nearest(typed, models)
        found = found or (f"train {meant}" if meant else None)
        hint = f" Did you mean `{' '.join([group, found, *rest])}`?" if found else ""
    what = KINDS.get(group, "command")
    lists = "imagewright models" if what == "model" else f"{group} --help"
    return f"There is no {what} {typed!r}.{hint} `{lists}` lists the {what}s."


def _explain_unknown(error: UnknownOptionError) -> str:
    """The message for an option that the command does not have, with the one that was probably meant."""
    typed = (error.token.keyword or error.token.value).partition("=")[0]
    known = {
        name.lstrip("-").replace("-", "_"): name
        for argument in error.argument_collection
        if argument.parse
        for name in argument.names
    }
    hint = suggest_option(typed.lstrip("-"), known)
    for name, option in known.items():
        hint = hint.replace(f"'{name}'", option)
    return f"`{_command(error)}` has no option {typed}.{hint} `{_command(error)} --help` lists them."


def _is_same_on_all_ranks(error: Exception, exit_code: int) -> bool:
    """Whether every rank under `torchrun` meets this error: then only the first rank of each machine prints it."""
    return isinstance(error, UserError | CycloptsError) or exit_code in (INTERRUPTED, PREEMPTED)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether torch is out of memory, recognised by name and text so that torch need not be imported here."""
    text = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )


def _command(error: CycloptsError) -> str:
    return " ".join(["imagewright", *(error.command_chain or ())])


def as_typed(message: str, tokens: Sequence[str]) -> str:
    """Name typed options as they were typed: `latent_dim=3` in a message becomes `--latent-dim 3`.

    `(out=)` stays, and so does `--width=4` of a command in the message.
    """
    for token in tokens:
        if token.startswith("--") and (name := token[2:].partition("=")[0].replace("-", "_")):
            message = re.sub(rf"(?<!-)\b{re.escape(name)}=(?![\s)])", f"--{name.replace('_', '-')} ", message)
    return message


def say_error(text: str) -> None:
    """Print a message on the error stream, red on a terminal."""
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    with suppress(OSError, ValueError):  # a closed pipe, or a log on a full disk
        if coloured:
            print(f"\033[31m{printable(text)}\033[0m", file=raw_stream(sys.stderr), flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
