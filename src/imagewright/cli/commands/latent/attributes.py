"""`imagewright latent attribute RUN`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions
from imagewright.cli.commands.verbs import Force, RunPath, Seed
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Flag, LabelColumn, Words


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EvidenceOptions:
    """Options that say what the direction is found from."""

    attribute: Annotated[str | None, Parameter(help="an attribute or a class of the source")] = None
    positive: Annotated[
        str | None, Parameter(help="instead: pictures with the attribute; ten are enough to begin with")
    ] = None
    negative: Annotated[str | None, Parameter(help="pictures without the attribute, for --positive")] = None
    mirror: Annotated[
        Flag, Parameter(help="add the mirror images of marked pictures, if left and right do not matter")
    ] = False
    classifier: Annotated[
        Path | None, Parameter(help="instead: a run that classifies; it labels samples of the model")
    ] = None
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels or attributes")] = None
    label_column: LabelColumn = None
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Options that say how the direction is found."""

    method: Annotated[
        Literal["mean", "svm"], Parameter(help="difference of means, or normal of a linear support vector machine")
    ] = "mean"
    balance: Annotated[
        Words,
        Parameter(
            help="attributes of the source that occur together with this one and are not meant; all: every other"
        ),
    ] = ()
    orthogonal_to: Annotated[
        Words, Parameter(help="attributes of the source, or saved directions, that are not to change")
    ] = ()


@takes_pictures
def attribute(
    run: RunPath,
    source: Annotated[
        str | None, Parameter(help="labelled pictures: a folder, .zip ..., with a table of labels")
    ] = None,
    /,
    *,
    evidence: EvidenceOptions = EvidenceOptions(),
    search: SearchOptions = SearchOptions(),
    save: Annotated[str | None, Parameter(help="save the direction in the run under this name")] = None,
    out: Annotated[Path | None, Parameter(help="a sheet of a few pictures moved along it (.png ...)")] = None,
    measure: Annotated[
        Path | None,
        Parameter(
            help="measure the effect by a classifier trained on SOURCE (a minute): a figure (.png, .svg, .pdf), and a "
            ".csv beside it"
        ),
    ] = None,
    seed: Seed = 0,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Find the direction in which an attribute grows: from labels, from marked pictures, or from classified samples."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.latent.attributes.effect_figure import write_effect

    _check_outputs(save, out, measure, force=force)
    with progress_bar("finding the direction") as progress:
        found = imagewright.attribute(
            run,
            source,
            **vars(evidence),
            **vars(search),
            measure=measure is not None,
            seed=seed,
            save=save,
            force=force,
            progress=progress,
            model=loading.load(run),
        )
    say(found.notes)
    if found.saved is not None:
        print(found.saved)
    if out is not None:
        write_sheet(found.sheet(), out, force=force)
    if measure is not None and found.effect is not None:
        print("\n".join(map(str, write_effect(found, found.effect, measure, force=force))))
    print("\n".join(found.lines()))


def _check_outputs(save: str | None, out: Path | None, measure: Path | None, *, force: bool) -> None:
    """Raise `UserError` before the search if there is nothing to write, or a file cannot be written."""
    from imagewright.errors import UserError
    from imagewright.output.figures import SUFFIXES
    from imagewright.output.writing import PICTURES, check_suffix, refuse_existing

    if save is None and out is None and measure is None:
        raise UserError("Say where the direction goes: --save NAME saves it in the run, --out sheet.png shows it.")
    if out is not None:
        check_suffix(out, list(PICTURES))
    if measure is not None:
        check_suffix(measure, list(SUFFIXES))
    written = [path for path in (out, measure, measure and measure.with_suffix(".csv")) if path is not None]
    refuse_existing(written, force=force)
