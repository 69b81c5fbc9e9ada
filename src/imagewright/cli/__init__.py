"""The command line: parse, call one public function, show. It starts without torch, numpy and Pillow."""

from __future__ import annotations

from imagewright.cli.app import main

__all__ = ["main"]
