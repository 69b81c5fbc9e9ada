"""`imagewright latent attribute` and `imagewright latent arithmetic`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from imagewright.cli.commands.verbs import Force, RunPath, Seed
from imagewright.cli.values import Flag

if TYPE_CHECKING:
    from imagewright.latent.attributes.result import Attribute

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")]
HARDLY = 0.6  # of pairs; half is chance
STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def attribute(
    run: RunPath,
    source: Annotated[
        str | None, Parameter(help="labelled pictures: a folder, .zip ..., with a table of labels")
    ] = None,
    /,
    *,
    attribute: Annotated[str | None, Parameter(help="an attribute or a class of the source")] = None,
    positive: Annotated[str | None, Parameter(help="instead: pictures with it, ten are enough to begin with")] = None,
    negative: Annotated[str | None, Parameter(help="and pictures without it")] = None,
    mirror: Annotated[
        Flag, Parameter(help="take the mirror images of marked pictures as well: where left is as good as right")
    ] = False,
    classifier: Annotated[
        Path | None, Parameter(help="instead: a run that classifies; the model's own samples are then labelled by it")
    ] = None,
    method: Annotated[
        Literal["mean", "svm"], Parameter(help="difference of means, or normal of a linear support vector machine")
    ] = "mean",
    balance: Annotated[
        Names, Parameter(help="attributes of the source that come with it and are not meant; all: every other")
    ] = (),
    orthogonal_to: Annotated[
        Names, Parameter(help="attributes of the source, or kept directions, that are not to change")
    ] = (),
    save: Annotated[str | None, Parameter(help="keep the direction in the run under this name")] = None,
    out: Annotated[Path | None, Parameter(help="a sheet of a few pictures moved along it (.png ...)")] = None,
    measure: Annotated[
        Path | None,
        Parameter(
            help="measure the effect by a judge trained on SOURCE (a minute): a figure (.png, .svg, .pdf), and a "
            ".csv beside it"
        ),
    ] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV or JSON file of labels or attributes")] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Find the direction in which an attribute grows: from labels, from marked pictures, or from judged samples."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.output.figures import SUFFIXES
    from imagewright.output.writing import PICTURES, check_suffix, refuse_existing

    if save is None and out is None and measure is None:
        raise UserError("Say where the direction goes: --save NAME keeps it in the run, --out sheet.png shows it.")
    if out is not None:
        check_suffix(out, list(PICTURES))
    if measure is not None:
        check_suffix(measure, list(SUFFIXES))
    written = [path for path in (out, measure, measure and measure.with_suffix(".csv")) if path is not None]
    refuse_existing(written, force=force)
    with progress_bar("finding the direction") as progress:
        found = imagewright.attribute(
            imagewright.Run(run) if run.is_dir() else run,
            source,
            attribute,
            positive=positive,
            negative=negative,
            mirror=mirror,
            classifier=classifier,
            method=method,
            balance=balance,
            orthogonal_to=orthogonal_to,
            measure=measure is not None,
            labels=labels,
            split=split,
            seed=seed,
            save=save,
            force=force,
            progress=progress,
        )
    say(found.said)
    if found.kept is not None:
        print(found.kept)
    _show(run, found, out, measure, force=force)
    print("\n".join(lines_of(found)))


def _show(run: Path, found: Attribute, out: Path | None, measure: Path | None, *, force: bool) -> None:
    import imagewright
    from imagewright.cli.commands.verbs import made_by
    from imagewright.latent.attributes.figures import draw_attribute, draw_effect, table_of
    from imagewright.output.provenance import COMPOSITE, GENERATED, make_record
    from imagewright.output.tables import write_table
    from imagewright.output.writing import write_image

    model = imagewright.load(run)
    made = made_by(run, model, None)
    record: dict[str, Any] = make_record(
        "attribute",
        **made,
        settings={"found": found.found(), "source": Path(found.source).name},
        source_type=GENERATED if found.pictures is None else COMPOSITE,
    )
    if out is not None:
        sheet = draw_attribute(model, found, STRENGTHS, f"{made['model']}: {found.name}, standard deviations")
        write_image(sheet, out, record, force=force)
        print(out)
    if measure is not None and found.effect is not None:
        title = f"{found.name}: {made['model']} of {record['run']}, judged by a network that knows real pictures only"
        draw_effect(found.effect, measure, record, title=title, force=force)
        write_table(measure.with_suffix(".csv"), *table_of(found.effect), force=force)
        print(measure, measure.with_suffix(".csv"), sep="\n")


def lines_of(found: Attribute) -> list[str]:
    """What was found, in sentences."""
    lines = [f"{found.found()}; one standard deviation is {found.scale:.3g}."]
    if found.told_apart is not None:
        lines.append(f"Along it, a picture with it lies farther than one without in {found.told_apart:.0%} of pairs.")
        if found.told_apart < HARDLY:
            lines.append("That is little more than chance: give more pictures, or ones that differ in less else.")
    effect = found.effect
    if effect is None:
        return lines
    curve = effect.curve(found.name)
    accuracy = effect.accuracy[found.name]
    lines.append(f"The judge is right on {accuracy:.1%} of real pictures it has not seen.")
    if effect.passes is None:
        lines.append(f"Its mean probability goes from {curve[0]:.2f} to {max(curve):.2f} at most, and not past 0.7.")
    else:
        lines.append(f"Its mean probability goes from {curve[0]:.2f} to 0.70 at strength {effect.passes:.2f}.")
    changed = [f"{name} {effect.leakage[name]:+.2f}" for name in effect.most_leaking(5)]
    return [*lines, f"What changes most beside it there: {', '.join(changed)}."] if changed else lines


def arithmetic(
    run: RunPath,
    expression: Annotated[
        str,
        Parameter(
            help='names with + and - between spaces: "man with glasses - man + woman"', allow_leading_hyphen=True
        ),
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="the sheet: .png, .jpg, .webp or .tif")],
    sets: Annotated[
        Names,
        Parameter(
            name="--set", help='what a name stands for: man=photos/men, or with --source man="Male & !Eyeglasses"'
        ),
    ] = (),
    source: Annotated[
        str | None, Parameter(help="pictures with labels: terms may then be labels, as in Male & !Smiling")
    ] = None,
    spread: Annotated[float, Parameter(help="how far the results around the sum are from it, in deviations")] = 0.25,
    save: Annotated[str | None, Parameter(help="keep the result in the run under this name")] = None,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Add and subtract means of pictures, kept points and directions, as the authors of the DCGAN did."""
    import imagewright
    from imagewright.cli.commands.verbs import made_by
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.latent.arithmetic.sheet import draw_arithmetic
    from imagewright.output.provenance import COMPOSITE, make_record
    from imagewright.output.writing import PICTURES, check_suffix, refuse_existing, write_image

    check_suffix(out, list(PICTURES))
    refuse_existing([out], force=force)
    named = {}
    for each in sets:
        name, equals, value = each.partition("=")
        if not equals or not value.strip():
            raise UserError(f"{each!r} is no set: expected NAME=FOLDER, or NAME=LABELS with --source.")
        named[name.strip()] = value.strip()
    result = imagewright.arithmetic(
        imagewright.Run(run) if run.is_dir() else run,
        expression,
        sets=named,
        source=source,
        spread=spread,
        seed=seed,
        save=save,
        force=force,
    )
    say(result.said)
    if result.kept is not None:
        print(result.kept)
    made = made_by(run, imagewright.load(run), None)
    settings = {"expression": expression, "sets": named, "spread": spread}
    record = make_record("arithmetic", **made, seed=seed, settings=settings, source_type=COMPOSITE)
    write_image(draw_arithmetic(result, f"{made['model']}: {expression}"), out, record, force=force)
    print(out)
