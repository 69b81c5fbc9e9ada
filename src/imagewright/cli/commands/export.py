"""`imagewright export RUN --to onnx|safetensors|diffusers|published|html`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions
from imagewright.cli.commands.verbs import Force, RunPath
from imagewright.cli.values import Words


def export(
    run: RunPath,
    /,
    *,
    to: Annotated[
        Literal["onnx", "safetensors", "diffusers", "published", "html"],
        Parameter(
            help="onnx: a graph a verb, checked against torch; safetensors: all weights in one file; published: under "
            "the names of the system's own code; diffusers: a folder in that layout; html: a page that makes pictures"
        ),
    ],
    out: Annotated[Path, Parameter(help="a folder, or a file: .onnx (one verb), .safetensors, .pth, .html")],
    verbs: Annotated[Words, Parameter(help="onnx: only these verbs, such as decode encode")] = (),
    title: Annotated[str | None, Parameter(help="html: the heading of the page", negative="")] = None,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Write what a run has learned for other programs: graphs, weights, or a page that makes pictures offline."""
    from imagewright.exports.names import check_name

    check_name(to, out)  # before the imports below, which take seconds
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.images.notices import gathered_notices

    with gathered_notices() as notices:
        model = loading.load(run)
        with progress_bar("exporting") as progress:
            made = imagewright.export(model, to, out, verbs=verbs, title=title, force=force, progress=progress)
    say([*notices.lines(), *made.notes])
    print("\n".join(made.lines()))
