"""`imagewright swap ...`: face swapping. Commands are named by import path and imported when used."""

from __future__ import annotations

from cyclopts import App

from imagewright.cli.examples import example_of

COMMANDS = {
    "extract": ("extract:extract", "Cut the faces out of pictures and videos: a set to train a swap on."),
    "check": ("check:check", "Measure a face swap against its footage: likeness, motion, shake, flicker, seams."),
    "sort": ("sort:sort", "Sort a set of faces: by person, pose, sharpness ...; the best of each pose."),
    "convert": ("convert:convert", "Replace a person's face in videos and pictures by a trained swap."),
}

app = App(
    name="swap",
    help="Swap faces: extract and sort them, convert footage, check the result; `imagewright train swap` trains.",
    help_format="plaintext",
)
for name, (place, text) in COMMANDS.items():
    app.command(
        f"imagewright.cli.commands.swap.{place}", name=name, help=text, help_epilogue=example_of(f"swap {name}")
    )
