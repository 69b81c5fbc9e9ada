"""`imagewright latent project RUN PICTURE...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath, Seed, made_by
from imagewright.cli.values import Count

if TYPE_CHECKING:
    from imagewright.latent.projection.project import Projection


def project(
    run: RunPath,
    pictures: Annotated[tuple[Path, ...], Parameter(help="picture files")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="the sheet (.png, .jpg, .webp, .tif)")] = None,
    save: Annotated[str | None, Parameter(help="keep the latents in the run under this name")] = None,
    label: Annotated[
        str | None, Parameter(help="the class of the pictures, where the model's latents have one; else all are tried")
    ] = None,
    starts: Annotated[Count, Parameter(help="of the draws, the best so many are refined")] = 8,
    candidates: Annotated[Count, Parameter(help="draws of the prior to choose from")] = 1024,
    steps: Annotated[Count, Parameter(help="of the optimisation; 0 shows the best draw")] = 200,
    perceptual: Annotated[float, Parameter(help="weight of the model's features, or of structure, beside pixels")] = (
        0.3
    ),
    seed: Seed = 0,
    at: At = None,
    force: Force = False,
) -> None:
    """Find the latents that show given pictures, with or without an encoder; say and show how near they come."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.images.single import read_pictures
    from imagewright.latent import store as kept
    from imagewright.latent.projection.sheet import draw_projection
    from imagewright.output.provenance import COMPOSITE, make_record
    from imagewright.output.writing import PICTURES, check_suffix, refuse_existing, write_image

    if out is None and save is None:
        raise UserError("Name a sheet to look at (--out) or a name to keep the latents under (--save), or both.")
    if out is not None:
        check_suffix(out, list(PICTURES))
        refuse_existing([out], force=force)
    home = imagewright.Run(run) if save is not None else None
    if home is not None and save is not None:
        kept.place_of(home, save, force=force)
    model = imagewright.load(run, images_seen=at)
    images, said = read_pictures(pictures, model.config.size, model.config.channels)
    say(said)
    settings: dict[str, Any] = {"starts": starts, "candidates": candidates, "steps": steps, "perceptual": perceptual}
    with progress_bar("projecting") as progress:
        found = imagewright.project(model, images, label=label, seed=seed, progress=progress, **settings)
    names = [path.stem for path in pictures]
    settings |= {"label": label} if label is not None else {}
    made = made_by(run, model, at)
    _state(found, names)
    if out is not None:
        title = f"{made['model']}: projection. PSNR; distance in {found.perceived_by}, 1 of unlike samples"
        record = make_record("project", **made, seed=seed, settings=settings, source_type=COMPOSITE)
        write_image(draw_projection(found, names, title), out, record, force=force)
        print(out)
    if home is not None and save is not None:
        errors = {"rmse": found.errors.rmse.tolist(), "perceptual": found.errors.perceptual.tolist()}
        record = {"names": names, "found": f"project {', '.join(names)}", "seed": seed, **settings, **errors}
        print(kept.keep(home, model, save, "points", {"latents": found.latents}, record, force=force))


def _state(found: Projection, names: list[str]) -> None:
    """A line a picture, and what else is to be known."""
    from imagewright.cli.show import say

    rows = zip(
        names, found.errors.psnr, found.errors.rmse, found.errors.perceptual, found.start_errors.psnr, strict=True
    )
    for name, psnr, rmse, perceptual, before in rows:
        print(
            f"{name}: {float(psnr):.1f} dB, {float(rmse):.1f} grey levels, {float(perceptual):.2f} in "
            f"{found.perceived_by} ({found.started_at}: {float(before):.1f} dB)"
        )
    say(found.said)
