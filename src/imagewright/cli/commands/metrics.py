"""`imagewright metrics list` and `imagewright metrics check SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from imagewright.cli.examples import example_of
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Flag, LabelColumn, Size, within

app = App(
    name="metrics",
    help="The metrics of `evaluate`: what each measures, and whether they respond to known corruptions.",
    help_format="plaintext",
)

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="", show_default=False)]
NEEDS = {
    "features": "features",
    "logits": "class logits",
    "reference": "real pictures",
    "labels": "classes",
    "reference labels": "classes of real pictures",
    "model": "a run",
    "training": "training pictures",
}


@app.command(name="list", help_epilogue=example_of("metrics list"))
def list_metrics(
    *, as_json: Annotated[Flag, Parameter(name="--json", help="print JSON, for programs")] = False
) -> None:
    """List every metric: what it measures, what it needs, the better direction, and whether it is a default."""
    from rich import box
    from rich.table import Table

    import imagewright
    from imagewright.cli.show import console
    from imagewright.metrics.registry import DEFAULT_METRICS

    metrics = imagewright.list_metrics()
    if as_json:
        import json

        print(
            json.dumps([metric.to_dict() | {"default": metric.name in DEFAULT_METRICS} for metric in metrics], indent=2)
        )
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("metric", "what it measures", "needs", "better", "default"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "metric")
    for metric in metrics:
        needs = ", ".join(words for need, words in NEEDS.items() if need in metric.needs)
        better = ", ".join(dict.fromkeys(output.better or "neither" for output in metric.outputs))
        default = "yes" if metric.name in DEFAULT_METRICS else ""
        table.add_row(f"[bold]{metric.name}[/bold]", metric.summary, needs or "pictures", better, default)
    screen = console()
    screen.print(table)
    screen.print("Compute some: imagewright evaluate RUN --against SOURCE --metrics NAME ...")


@app.command(help_epilogue=example_of("metrics check"))
@takes_pictures
def check(
    source: Annotated[str, Parameter(help="real pictures: a folder, .zip, .npz, a built-in set ...")],
    /,
    *,
    metrics: Annotated[Names, Parameter(help="fd kd ... (as for `evaluate`); options as in kd:subsets=50")] = (),
    corruptions: Annotated[
        Names, Parameter(help="blur noise mode_dropping duplication (default) jpeg rectangles swirl ...")
    ] = (),
    features: Annotated[
        str | None, Parameter(help="inception (default), dinov2, efficientnet_lite0, random, pixels ...")
    ] = None,
    resize: Annotated[str | None, Parameter(help="the resize filter before the network, instead of its own")] = None,
    others: Annotated[str | None, Parameter(help="pictures of another kind, for the corruption contamination")] = None,
    count: Annotated[Count, within(1, help="pictures of each half")] = 1_000,
    size: Annotated[Size | None, Parameter(help="at which pictures are scored; by default their own")] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as test")] = None,
    labels: Annotated[Path | None, Parameter(help="a file of labels (CSV, text, JSON): classes are the modes")] = None,
    label_column: LabelColumn = None,
    out: Annotated[Path | None, Parameter(help="a figure (.png .svg .pdf) and a sheet beside it, or .json")] = None,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], Parameter(help="where to compute")] = "auto",
    seed: Annotated[Count, within(0, help="of the halves and of all random draws")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Check whether metrics respond to known corruptions of your own pictures: blur, noise, dropped modes, repeats."""
    import imagewright
    from imagewright.cli.progress import progress_bars
    from imagewright.cli.show import say
    from imagewright.metrics.self_check.check import DEFAULT_CORRUPTIONS
    from imagewright.metrics.self_check.results import check_outputs

    if out is not None:
        check_outputs(out, force=force)
    images = imagewright.open_images(source, size, split=split, labels=labels, label_column=label_column)
    with progress_bars() as progress:
        found = imagewright.self_check(
            images,
            metrics or None,
            features,
            resize=resize,
            corruptions=corruptions or DEFAULT_CORRUPTIONS,
            others=others,
            count=count,
            seed=seed,
            device=device,
            progress=progress,
        )
    print("\n".join(found.lines()))
    say([f"{name} is left out: {why}." for name, why in found.left_out.items()])
    if out is not None:
        for path in found.write(out, force=force):
            print(path)
