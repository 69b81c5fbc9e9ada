"""Questions to the user, asked on a terminal alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from imagewright.terminal import printable


def is_answerable() -> bool:
    """Whether a question reaches a person: both its text and the answer go through a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def confirm_download(what: str) -> bool:
    """Say what will be downloaded, and ask whether to do so. Without a terminal the answer is yes."""
    print(printable(what), file=sys.stderr, flush=True)
    if not is_answerable():
        return True
    print("Download now? [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return answer != "" and answer.strip().lower() in {"", "y", "yes"}


def confirm_face_weights() -> bool:
    """Whether the face networks' weights are here or may be fetched. Call it before a bar, which would be drawn over
    the question."""
    from imagewright.pretrained.faces.finder import absent_networks
    from imagewright.pretrained.faces.weights import SET
    from imagewright.pretrained.weight_sets import describe_set

    return not absent_networks() or confirm_download(describe_set(SET))


def ask_consent(model: str) -> list[str]:
    """Ask whose faces a model is to learn and who agreed: the answer, as for `--consent`. Without a terminal, nothing.

    A training of several ranks is not asked: each of them would wait for an answer of its own.
    """
    if not is_answerable() or "RANK" in os.environ:
        return []
    print(
        f"{model} learns the faces of people. Whose are they, and who gave consent, when? Answer self if they are your "
        "own, else WHO; GIVEN BY; DATE.\nConsent: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    answer = sys.stdin.readline().strip()
    return [] if answer.lower() in {"", "n", "no"} else [answer]


def ask_key_password(key: Path) -> str | None:
    """Ask for the password of a private key, which is not shown; None if it has none, or without a terminal."""
    from imagewright.output.signing import needs_password

    if not is_answerable() or not needs_password(key):
        return None
    from getpass import getpass

    return getpass(printable(f"Password of the key {key}: "))
