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
    "models": ("imagewright.cli.models:models", "List every model: what it is, the verbs it answers, the paper."),
    "train": ("imagewright.cli.train:app", "Train a model on a set of images: `imagewright train vae photos/`."),
    "sample": ("imagewright.cli.verbs:sample", "Draw new pictures from a trained model."),
    "reconstruct": ("imagewright.cli.verbs:reconstruct", "Show what a model keeps of pictures, or clean noisy ones."),
    "interpolate": (
        "imagewright.cli.interpolate:interpolate",
        "Walk from one picture to another: a sheet or an animation; or blend four.",
    ),
    "latent": ("imagewright.cli.latent:app", "Look into a run's latent space, and steer it."),
    "edit": ("imagewright.cli.edit:edit", "Move pictures along kept directions: more smile, less of it."),
    "score": ("imagewright.cli.verbs:score", "One number a picture: how well the model explains it."),
    "classify": (
        "imagewright.cli.classify:classify",
        "Say the class of pictures by a run; or compare classifiers on labelled pictures.",
    ),
    "components": (
        "imagewright.cli.components:components",
        "What pictures are made of: mean, components, variance, one picture as their sum.",
    ),
    "lesson": ("imagewright.cli.lesson:app", "Figures that explain, each computed live: `imagewright lesson gan`."),
    "data": ("imagewright.cli.data:app", "Look at a set of images: check, prepare, grid."),
    "outliers": ("imagewright.cli.outliers:outliers", "Rank pictures by how strange they are: sheet, table, heat map."),
    "cluster": ("imagewright.cli.cluster:cluster", "Group pictures that are alike: a sheet, a map, a table."),
    "compress": ("imagewright.cli.compress:compress", "Rate against distortion: JPEG, PCA and runs on one set."),
    "evaluate": ("imagewright.cli.evaluate:evaluate", "Score what runs make, or any pictures, against real ones."),
    "compare": ("imagewright.cli.evaluate:compare", "Runs beside each other: scores, curves, samples of equal seeds."),
    "doctor": ("imagewright.cli.doctor:doctor", "Say what is wrong with a training, and what to try."),
    "inspect": (
        "imagewright.cli.files:inspect",
        "Say what a picture, a run or a file of weights holds, and where from.",
    ),
    "import": ("imagewright.cli.files:import_checkpoint", "Turn a published checkpoint into a run."),
}
for _place, (_name, (_path, _help)) in enumerate(_COMMANDS.items()):
    app.command(_path, name=_name, help=_help, sort_key=_place)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for a user's mistake, 1 for other failures, 130 for Ctrl-C."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    with reported(tokens) as outcome:
        app(tokens, exit_on_error=False, print_error=False, result_action="return_none")
    return outcome.exit_code
