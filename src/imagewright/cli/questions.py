"""Questions to the user, asked on a terminal alone."""

from __future__ import annotations

import sys

from imagewright.terminal import printable


def confirm_download(what: str) -> bool:
    """Say what will be downloaded, and ask whether to do so. Without a terminal the answer is yes."""
    print(printable(what), file=sys.stderr, flush=True)
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print("Download now? [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return answer != "" and answer.strip().lower() in {"", "y", "yes"}
