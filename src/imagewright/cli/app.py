"""The root command. Sub-commands are registered by import path, so that a module is imported only when it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App

from imagewright.cli.examples import example_of
from imagewright.cli.failures import report_failures
from imagewright.cli.former_names import with_present_names
from imagewright.cli.interruption import INTERRUPTED
from imagewright.cli.ranks import as_one_of_ranks
from imagewright.cli.streams import fill_closed_streams, release_streams
from imagewright.cli.termination import end_on_signals, leave_at_once_on_signals
from imagewright.terminal import plain_streams
from imagewright.wording import command_line_words


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("imagewright")
    except PackageNotFoundError:
        return "not installed"


app = App(
    name="imagewright",
    help="Train a model on a set of images; then sample, reconstruct, interpolate, edit and score pictures with it.",
    version=_version,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `report_failures` sets the exit code
)
_COMMANDS = {
    "tour": ("tour:tour", "Try every method on your pictures, in the minutes given, as one page."),
    "models": (
        "models:models",
        "List every model: what it is, its verbs, the paper.",
    ),
    "train": (
        "train:app",
        "Train a model on a set of images: `imagewright train vae photos/`.",
    ),
    "sample": ("verbs:sample", "Make new pictures with a trained model."),
    "reconstruct": (
        "verbs:reconstruct",
        "Rebuild pictures with a model, or remove noise from them.",
    ),
    "translate": (
        "translate:translate",
        "Pictures to another domain, with other attributes, or in the style of others.",
    ),
    "interpolate": (
        "interpolate:interpolate",
        "Walk from one picture to another, as a sheet or an animation; or blend four.",
    ),
    "latent": ("latent.app:app", "Explore a run's latent space: sheets, attributes, directions, projections."),
    "edit": ("edit:edit", "Move pictures along saved directions, such as more smile or less."),
    "score": ("verbs:score", "Score pictures: one number each, such as a log-likelihood."),
    "classify": (
        "classify:classify",
        "Classify pictures with a run; or compare classifiers on labelled pictures.",
    ),
    "components": (
        "components:components",
        "Decompose a set of pictures: mean, components, explained variance, one picture as their sum.",
    ),
    "lesson": (
        "lesson:app",
        "Write figures that explain a method, each computed when asked for: `imagewright lesson gan`.",
    ),
    "data": ("data:app", "Check, prepare and show a set of images."),
    "faces": ("faces:app", "Find the faces in pictures, and cut them out, upright and of one size."),
    "swap": (
        "swap.app:app",
        "Swap faces: extract and sort them, convert footage, check the result.",
    ),
    "outliers": (
        "outliers:outliers",
        "Rank pictures by how much they differ from the others: sheet, table, heat map.",
    ),
    "cluster": ("cluster:cluster", "Cluster pictures: a sheet, a map, a table."),
    "compress": (
        "compress:compress",
        "Plot rate against distortion: JPEG, PCA and runs on one set.",
    ),
    "evaluate": (
        "evaluate:evaluate",
        "Evaluate samples of runs, or any pictures, against real ones: FID, KID, precision, recall ...",
    ),
    "metrics": (
        "metrics:app",
        "List the metrics; check whether they respond to known corruptions of your pictures.",
    ),
    "compare": (
        "compare:compare",
        "Compare runs: scores, curves, samples of equal seeds.",
    ),
    "film": ("film:film", "Write a video of a training: the same pictures as it learns, and its curves."),
    "doctor": ("doctor:doctor", "Find what is wrong with a training, and one option to try for each finding."),
    "inspect": (
        "files:inspect",
        "Show what a picture, a run or a weights file holds, and its provenance.",
    ),
    "sign": ("sign:sign", "Sign pictures and videos that imagewright has written, by C2PA."),
    "import": ("files:import_checkpoint", "Turn a published checkpoint into a run."),
    "export": ("export:export", "Write a run for other programs: ONNX, safetensors, published names, or a page."),
    "card": ("hub:card", "Write the model card of a run: README.md, with pictures, scores and the licence you choose."),
    "push": ("hub:push", "Push a run to the Hugging Face hub, with its model card."),
    "pull": ("hub:pull", "Pull a run from the Hugging Face hub."),
    "studio": ("studio:studio", "Open pages in the browser: train, steer, draw, compare, swap, learn."),
    "weights": ("weights:app", "Fetch, list and add the published weights that some tools need."),
}
for _place, (_name, (_path, _help)) in enumerate(_COMMANDS.items()):
    _example = {} if _path.endswith("app") else {"help_epilogue": example_of(_name)}
    app.command(f"imagewright.cli.commands.{_path}", name=_name, help=_help, sort_key=_place, **_example)
app.command(
    "imagewright.cli.commands.completion:install_completion",
    name="--install-completion",
    help="Complete commands, models and options in this shell (bash, zsh, fish).",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for a user's mistake, 1 for other failures, 130 for Ctrl-C.

    After SIGTERM it is 143, after SIGUSR1 75. A training that one of them stops saves a checkpoint, and ends with 130,
    or with 75 after SIGUSR1.
    """
    if arguments is not None:  # called from Python, which has its streams and its Ctrl-C in hand
        return _run(list(arguments))
    fill_closed_streams()
    try:
        end_on_signals()
        return _run(sys.argv[1:])
    except KeyboardInterrupt:  # a second one, while the first was being reported
        return INTERRUPTED
    finally:
        leave_at_once_on_signals()
        release_streams()


def _run(typed: list[str]) -> int:
    tokens = with_present_names(typed)
    with plain_streams(), command_line_words(), report_failures(tokens) as outcome:
        from imagewright.cli.show import console

        with as_one_of_ranks(app, tokens) as is_run_here:
            if is_run_here:
                app(tokens, exit_on_error=False, print_error=False, result_action="return_none", console=console())
    return outcome.exit_code
