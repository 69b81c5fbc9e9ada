"""`imagewright swap ...`: swap faces. Commands are named by import path and imported when used."""

from __future__ import annotations

from cyclopts import App

from imagewright.cli.examples import example_of

COMMANDS = {
    "check": ("check:check", "Measure a face swap against its footage: likeness, motion, shake, flicker, seams."),
}

app = App(
    name="swap",
    help="Swap faces: sets of faces, swaps of pictures and videos, and what they are worth.",
    help_format="plaintext",
)
for name, (place, text) in COMMANDS.items():
    app.command(
        f"imagewright.cli.commands.swap.{place}", name=name, help=text, help_epilogue=example_of(f"swap {name}")
    )
