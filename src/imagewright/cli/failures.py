"""What goes wrong, in one or two lines on the error stream, and the exit code that says whose mistake it was."""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError

from imagewright import distributed
from imagewright.errors import ImagewrightError, UserError

DEBUG = "IMAGEWRIGHT_DEBUG"
INTERRUPTED = 130
SECONDS_FOR_THE_FIRST_TO_SPEAK = 2.0  # torchrun ends all ranks as soon as one has ended
OUT_OF_MEMORY = (
    "Out of memory. What to lower: --batch-size (or --micro-batch, which keeps the batch and takes it in parts), "
    "--size, or the model's width."
)


@dataclass
class Outcome:
    """How a command ended."""

    exit_code: int = 0


@contextmanager
def reported(tokens: Sequence[str]) -> Iterator[Outcome]:
    """Turn whatever the block raises into a message and an exit code. IMAGEWRIGHT_DEBUG=1 adds the traceback.

    `tokens`: what was typed, so that messages name options as they were.
    """
    outcome = Outcome()
    try:
        yield outcome
        sys.stdout.flush()  # a reader that went away is noticed here and not at exit
    except BrokenPipeError:
        _forget_output()
    except KeyboardInterrupt:
        outcome.exit_code = INTERRUPTED
        if distributed.local_rank() == 0:
            say_error("Interrupted.")
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # rich's own way of taking it
            _forget_output()
        else:
            outcome.exit_code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except Exception as error:  # noqa: BLE001 (the outermost place: nothing else would say it)
        outcome.exit_code, message = _explained(error)
        if os.environ.get(DEBUG, "") not in ("", "0"):
            traceback.print_exc()
        if distributed.local_rank() == 0 or not _is_the_same_on_all_ranks(error, outcome.exit_code):
            say_error(as_typed(message, tokens))
        else:
            time.sleep(SECONDS_FOR_THE_FIRST_TO_SPEAK)


def _explained(error: Exception) -> tuple[int, str]:
    """The exit code and the text for an error."""
    if isinstance(error, ImagewrightError):
        return error.exit_code, str(error)
    if isinstance(error, CycloptsError):
        return 2, _explained_words(error)
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return 1, OUT_OF_MEMORY
    if isinstance(error, OSError) and error.strerror:
        return 1, f"{error.filename or 'Reading or writing failed'}: {error.strerror}."
    kind = type(error).__name__
    return 1, f"imagewright stopped on an error it did not expect ({kind}: {error}). {DEBUG}=1 shows where."


def _explained_words(error: CycloptsError) -> str:
    """The text for what was typed and is not understood."""
    if isinstance(error, MissingArgumentError) and error.argument is not None and not error.argument.tokens:
        return f"`{_command(error)}` needs {error.argument.name}. `{_command(error)} --help` shows how."
    if isinstance(error, UnusedCliTokensError):
        unknown = " ".join(error.unused_tokens or ())
        return f"`{_command(error)}` takes no `{unknown}`. `{_command(error)} --help` shows what it takes."
    return f"{' '.join(str(error).split())} See `{_command(error)} --help`."


def _is_the_same_on_all_ranks(error: Exception, exit_code: int) -> bool:
    """Under `torchrun` every rank meets the same mistake or Ctrl-C: the first one of each machine says so."""
    return isinstance(error, UserError | CycloptsError) or exit_code == INTERRUPTED


def _is_out_of_memory(error: Exception) -> bool:
    """torch's own errors, known by their names and words so that torch need not be imported here."""
    text = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )


def _command(error: CycloptsError) -> str:
    return " ".join(["imagewright", *(error.command_chain or ())])


def as_typed(message: str, tokens: Sequence[str]) -> str:
    """A message with the options that were typed named as such: `latent_dim=3` becomes `--latent-dim 3`."""
    for token in tokens:
        if token.startswith("--") and (name := token[2:].partition("=")[0].replace("-", "_")):
            message = re.sub(rf"\b{re.escape(name)}=", f"--{name.replace('_', '-')} ", message)
    return message


def say_error(text: str) -> None:
    """A message on the error stream, red on a terminal."""
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    with suppress(BrokenPipeError):
        print(f"\033[31m{text}\033[0m" if coloured else text, file=sys.stderr, flush=True)


def _forget_output() -> None:
    """Python flushes the output once more at exit, and would complain of the closed pipe: give it another place."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
