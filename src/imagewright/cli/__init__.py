"""The command line: parse options, call one public function, print or write its result. No heavy import at start."""

from __future__ import annotations

from imagewright.cli.app import main

__all__ = ["main"]
