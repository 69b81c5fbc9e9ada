"""The root command. Sub-commands are named by import path: none of their modules is loaded before it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App

from imagewright.cli.failures import reported


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("imagewright")
    except PackageNotFoundError:
        return "not installed"


app = App(
    name="imagewright",
    help="Learn a set of images; then make, rebuild, mix and score pictures with what was learned.",
    version=_version,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `reported` gives it its exit code
)
_COMMANDS = {
    "models": (
        "models:models",
        "List every model: what it is, the verbs it answers, the paper.",
    ),
    "train": (
        "train:app",
        "Train a model on a set of images: `imagewright train vae photos/`.",
    ),
    "sample": ("verbs:sample", "Draw new pictures from a trained model."),
    "reconstruct": (
        "verbs:reconstruct",
        "Show what a model keeps of pictures, or clean noisy ones.",
    ),
    "interpolate": (
        "interpolate:interpolate",
        "Walk from one picture to another: a sheet or an animation; or blend four.",
    ),
    "latent": ("latent.app:app", "Look into a run's latent space, and steer it."),
    "edit": ("edit:edit", "Move pictures along kept directions: more smile, less of it."),
    "score": ("verbs:score", "One number a picture: how well the model explains it."),
    "classify": (
        "classify:classify",
        "Say the class of pictures by a run; or compare classifiers on labelled pictures.",
    ),
    "components": (
        "components:components",
        "What pictures are made of: mean, components, variance, one picture as their sum.",
    ),
    "lesson": (
        "lesson:app",
        "Figures that explain, each computed live: `imagewright lesson gan`.",
    ),
    "data": ("data:app", "Look at a set of images: check, prepare, grid."),
    "outliers": (
        "outliers:outliers",
        "Rank pictures by how strange they are: sheet, table, heat map.",
    ),
    "cluster": ("cluster:cluster", "Group pictures that are alike: a sheet, a map, a table."),
    "compress": (
        "compress:compress",
        "Rate against distortion: JPEG, PCA and runs on one set.",
    ),
    "evaluate": (
        "evaluate:evaluate",
        "Score what runs make, or any pictures, against real ones.",
    ),
    "compare": (
        "evaluate:compare",
        "Runs beside each other: scores, curves, samples of equal seeds.",
    ),
    "doctor": ("doctor:doctor", "Say what is wrong with a training, and what to try."),
    "inspect": (
        "files:inspect",
        "Say what a picture, a run or a file of weights holds, and where from.",
    ),
    "import": ("files:import_checkpoint", "Turn a published checkpoint into a run."),
}
for _place, (_name, (_path, _help)) in enumerate(_COMMANDS.items()):
    app.command(f"imagewright.cli.commands.{_path}", name=_name, help=_help, sort_key=_place)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for a user's mistake, 1 for other failures, 130 for Ctrl-C."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    with reported(tokens) as outcome:
        app(tokens, exit_on_error=False, print_error=False, result_action="return_none")
    return outcome.exit_code
