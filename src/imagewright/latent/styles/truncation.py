"""The sheet of truncation: each input at several psi, from itself to the average image and beyond.

Karras et al. 2019 (StyleGAN), arXiv:1812.04948, appendix B and figure 8.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imagewright import catalogue
from imagewright.capabilities import Truncates
from imagewright.errors import UserError
from imagewright.latent.inputs import Inputs, resolve_inputs
from imagewright.model import Model
from imagewright.output.provenance import COMPOSITE, GENERATED
from imagewright.output.sheets import Sheet
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import RunLike, decode, resolve_model
from imagewright.views import view_model

PSI = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)  # those of the figure


def truncation_sheet(
    run: RunLike,
    inputs: Inputs = (0, 1, 2, 3),
    psi: Sequence[float] = PSI,
    *,
    scale: int | None = None,
    model: Model | None = None,
) -> Sheet:
    """A row for each input, a column for each psi: 1 is the image itself, 0 the average image, -1 its opposite.

    run: a run, its directory, a weights file or a model, which truncates.
    inputs: seeds, pictures (as for `interpolate`) or names saved in the run.
    scale: each side of an image becomes so many times as long; by default about 112 pixels.
    model: the run's model, if it is loaded already.
    Raises `UserError` for a model without truncation, and for a psi that cannot be.
    """
    if not psi:
        raise UserError("No psi was given: name one or more, such as 1 0.7 0.5 0.")
    model = resolve_model(run) if model is None else model
    if not isinstance(model, Truncates):
        raise UserError(
            f"{catalogue.name_of(model)} has no truncation, so there is none to show: use a run of a model that has "
            "it, such as stylegan2."
        )
    try:
        views = [view_model(model, truncation=float(each)) for each in psi]
    except UserError as error:
        raise UserError(str(error).replace("truncation=", "psi=", 1)) from None
    resolved = resolve_inputs(run, inputs, model=model)
    images = torch.stack([decode(view, resolved.latents) for view in views], 1)
    source_type = COMPOSITE if resolved.has_pictures else GENERATED
    settings = {"inputs": resolved.labels, "psi": list(psi)}
    record = run_record("truncation", model, settings=settings, source_type=source_type)
    return Sheet(
        images.flatten(0, 1),
        row_labels=resolved.labels,
        column_labels=[f"{each:g}" for each in psi],
        title=f"{record['model']}: truncation by psi; 1 is the image, 0 the average one",
        scale=scale,
        record=record,
        notes=[*training_notes(model), *resolved.notes],
    )
