"""`imagewright sample`, `reconstruct` and `score`, and the options that commands on runs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Flag, Words, within
from imagewright.errors import count_text

RunPath = Annotated[Path, Parameter(help="a run directory, RUN@400k for one of its checkpoints, or a weights file")]
Source = Annotated[str, Parameter(help="a folder, one picture, .zip, .npz ..., or a built-in set: digits, faces")]
Split = Annotated[str | None, Parameter(help="a part of the source, such as test")]
At = Annotated[Count | None, within(0, help="an earlier checkpoint of the run, by its images seen")]
Seed = Annotated[Count, within(0, help="random seed; equal seeds give equal pictures")]
Force = Annotated[Flag, Parameter(help="replace files that exist")]
Space = Annotated[
    str | None, Parameter(help="a latent space, such as w, of a model that has several; its own by default")
]
Truncation = Annotated[
    float | None,
    Parameter(help="psi, of a model that truncates: 1 changes nothing, 0 the average picture; biggan: noise's bound"),
]
Distribution = Literal["prior", "fitted"] | None
SAMPLE_FROM_HELP = (
    "what seeds are sampled from: the prior, or the density fitted to the training pictures' latents, which is the "
    "default where there is one (vae, vae_gan)"
)
SampleFrom = Annotated[Distribution, Parameter(help=SAMPLE_FROM_HELP)]
SheetOut = Annotated[
    Path, Parameter(help="a sheet (.png, .jpg, .webp, .tif), an array of pictures (.npz), or a folder for a file each")
]


def sample(
    run: RunPath,
    /,
    *,
    out: SheetOut,
    count: Annotated[
        Count | None, within(1, help="pictures; by default 16, or 8 of each class with --each-class")
    ] = None,
    label: Annotated[
        str | None, Parameter(help="the class to sample, by name or number, for models conditional on classes")
    ] = None,
    each_class: Annotated[Flag, Parameter(help="--count samples of every class: a row a class")] = False,
    attributes: Annotated[
        Words, Parameter(help="for models conditional on attributes: --attributes Smiling=1 Male=0")
    ] = (),
    seed: Seed = 0,
    inputs: Annotated[
        Words,
        Parameter(help="instead of --count and --seed, samples by the names that sheets print: --inputs 0:7 3:2"),
    ] = (),
    at: At = None,
    space: Space = None,
    truncation: Truncation = None,
    sample_from: SampleFrom = None,
    force: Force = False,
) -> None:
    """Make new pictures with a trained model."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say
    from imagewright.output.sheets import check_output

    check_output(out, force=force)
    values = parse_attributes(attributes)
    model = imagewright.load(run, images_seen=at, space=space, truncation=truncation, sample_from=sample_from)
    sheet = imagewright.sample_sheet(
        model, count, seed=seed, label=label, attributes=values, each_class=each_class, inputs=inputs
    )
    say(sheet.notes)
    write_sheet(sheet, out, force=force)


def parse_attributes(attributes: tuple[str, ...]) -> dict[str, float] | None:
    """Values by name, of `Smiling=1`, or `Smiling` for 1."""
    from imagewright.errors import UserError

    values: dict[str, float] = {}
    for typed in attributes:
        name, _, value = typed.partition("=")
        try:
            values[name] = float(value or 1)
        except ValueError:
            raise UserError(f"{typed!r} is no attribute with a value: expected NAME=VALUE, as in Smiling=1.") from None
    return values or None


@takes_pictures
def reconstruct(
    run: RunPath,
    source: Source,
    /,
    *,
    out: SheetOut,
    count: Annotated[Count, within(1, help="pictures, at even distances in the source")] = 8,
    add_noise: Annotated[
        Flag,
        Parameter(
            help="damage the pictures with the noise that a denoising model was trained on, and rebuild those; by "
            "default they are cleaned as they are"
        ),
    ] = False,
    seed: Annotated[Count, within(0, help="random seed of --add-noise")] = 0,
    at: At = None,
    split: Split = None,
    force: Force = False,
) -> None:
    """Rebuild pictures with a model, and show them beside the originals. A denoising model cleans them."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say
    from imagewright.output.sheets import check_output

    check_output(out, force=force, sources=[source])
    model = imagewright.load(run, images_seen=at)
    sheet = imagewright.reconstruction_sheet(model, source, count, add_noise=add_noise, seed=seed, split=split)
    say(sheet.notes)
    write_sheet(sheet, out, force=force)


@takes_pictures
def score(
    run: RunPath,
    source: Source,
    /,
    *,
    out: Annotated[Path, Parameter(help="a .csv; the sheet of the extremes is written beside it as .png")],
    samples: Annotated[
        Count, within(1, help="importance samples a picture, if the likelihood is an estimate (vae)")
    ] = 64,
    extremes: Annotated[
        Count, within(1, help="pictures with the lowest and the highest scores on the sheet, each")
    ] = 8,
    seed: Seed = 0,
    at: At = None,
    split: Split = None,
    force: Force = False,
) -> None:
    """Score pictures: a table of one number each, higher is better, and a sheet of the lowest and the highest."""
    import imagewright
    from imagewright.files import written_together
    from imagewright.output.tables import write_table
    from imagewright.output.writing import check_suffix, refuse_existing
    from imagewright.verbs.apply import images_for

    check_suffix(out, [".csv"])
    refuse_existing([out, out.with_suffix(".png")], force=force)
    model = imagewright.load(run, images_seen=at)
    images = images_for(model, imagewright.open_images(source, split=split)).prepare()
    scores = imagewright.score(model, images, samples=samples, seed=seed)
    rows = ([name, f"{float(value):.8g}"] for name, value in zip(images.names(), scores, strict=True))
    unit = str(model.score_unit)
    sheet = imagewright.score_sheet(images, scores, unit, extremes=extremes)
    with written_together():
        table = write_table(out, ["name", "score"], rows, force=force)
        pictures = sheet.write(out.with_suffix(".png"), force=force)
    print("\n".join(map(str, [table, *pictures])))
    print(
        f"{count_text(len(scores), 'picture')}, {unit}: mean {float(scores.mean()):.6g}, "
        f"lowest {float(scores.min()):.6g}, "
        f"highest {float(scores.max()):.6g}"
    )
