"""`imagewright latent project RUN PICTURE...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions, check_sheet
from imagewright.cli.commands.verbs import Force, RunPath, Seed
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Flag, within


@takes_pictures
def project(
    run: RunPath,
    pictures: Annotated[tuple[Path, ...], Parameter(help="picture files")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="the sheet (.png, .jpg, .webp, .tif)")] = None,
    save: Annotated[str | None, Parameter(help="save the latents in the run under this name")] = None,
    label: Annotated[
        str | None, Parameter(help="the class of the pictures, if the model's latents have one; else all are tried")
    ] = None,
    starts: Annotated[Count, within(1, help="number of samples to optimise, the best of the candidates")] = 8,
    candidates: Annotated[Count, within(1, help="samples of the prior to choose from")] = 1024,
    steps: Annotated[Count, within(0, help="optimisation steps; 0 shows the best sample")] = 200,
    perceptual: Annotated[float, within(0, help="weight of the model's features, or of structure, beside pixels")] = (
        0.3
    ),
    noise: Annotated[
        Flag, Parameter(help="find the noise of layers too, of a model that adds any: it takes up details")
    ] = False,
    noise_weight: Annotated[float, within(0, help="weight of the term that keeps shapes out of the noise")] = 1e5,
    tuned: Annotated[
        Path | None,
        Parameter(
            help="a new run: the model's weights are tuned until the latents decode to the pictures (pivotal tuning)"
        ),
    ] = None,
    tuning_steps: Annotated[Count, within(1, help="steps of --tuned")] = 350,
    seed: Seed = 0,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Find the latents that decode to given pictures, with or without an encoder, and show how near they come."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.errors import UserError

    if out is None and save is None and tuned is None:
        raise UserError("Name a sheet to look at (--out) or a name to save the latents under (--save), or both.")
    if out is not None:
        check_sheet(out, force=force)
    with progress_bar("projecting") as progress:
        found = imagewright.project(
            run,
            pictures,
            label=label,
            starts=starts,
            candidates=candidates,
            steps=steps,
            perceptual=perceptual,
            noise=noise,
            noise_weight=noise_weight,
            tuned=tuned,
            tuning_steps=tuning_steps,
            seed=seed,
            save=save,
            force=force,
            progress=progress,
            model=loading.load(run),
        )
    say(found.notes)
    print("\n".join(found.lines()))
    if out is not None:
        write_sheet(found.sheet(), out, force=force)
    if found.saved is not None:
        print(found.saved)
    if found.tuned is not None:
        print(found.tuned.run)
