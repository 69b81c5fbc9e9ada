"""Style mixing: the coarse layers of one image with the fine layers of another.

Karras et al. 2019 (StyleGAN), arXiv:1812.04948, section 3.1 and figure 3. Shape letters: R rows, K columns, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from imagewright.latent.inputs import Inputs, ResolvedInputs, resolve_inputs
from imagewright.latent.layers import Layers, layers_text, resolve_layers, to_layer_latents
from imagewright.model import Model
from imagewright.output.grids import PAPER
from imagewright.output.provenance import COMPOSITE, GENERATED
from imagewright.output.sheets import Results, Sheet
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.style_capabilities import in_layers
from imagewright.verbs.apply import RunLike, decode, resolve_model

FINER: Layers = ("middle", "fine")


def mix_styles(
    run: RunLike, rows: Inputs = (0, 1, 2, 3), columns: Inputs = (4, 5, 6, 7), layers: Layers = FINER
) -> Tensor:
    """Images (R, K, C, H, W), uint8: in each, some layers have the styles of its column, and the others of its row.

    run: a run, its directory, a weights file or a model, whose layers take a style each.
    rows, columns: seeds, pictures (as for `interpolate`) or names saved in the run.
    layers: those of the columns: numbers, ranges such as "4-7", or groups: "coarse", "middle", "fine".
    Raises `UserError` for a model without styles by layer, and for a layer that it does not have.
    """
    model = resolve_model(run)
    chosen = resolve_layers(model, layers)
    first, second = (resolve_inputs(run, each, model=model) for each in (rows, columns))
    return _mix(model, first, second, chosen)


def _mix(model: Model, rows: ResolvedInputs, columns: ResolvedInputs, layers: Sequence[int]) -> Tensor:
    first, second = (to_layer_latents(model, each.latents) for each in (rows, columns))
    mixed = first[:, None].repeat(1, len(second), 1, 1)
    mixed[:, :, list(layers)] = second[None, :, list(layers)]
    return decode(in_layers(model), mixed.flatten(0, 1)).unflatten(0, mixed.shape[:2])


def mixing_sheet(
    run: RunLike,
    rows: Inputs = (0, 1, 2, 3),
    columns: Inputs = (4, 5, 6, 7),
    layers: Layers = FINER,
    *,
    scale: int | None = None,
    model: Model | None = None,
) -> Sheet:
    """The sheet of `mix_styles`, with the images of rows and columns at its edges. Its results are the mixed images.

    scale: each side of an image becomes so many times as long; by default about 112 pixels.
    model: the run's model, if it is loaded already.
    The other arguments are those of `mix_styles`.
    """
    model = resolve_model(run) if model is None else model
    chosen = resolve_layers(model, layers)
    first, second = (resolve_inputs(run, each, model=model) for each in (rows, columns))
    mixed = _mix(model, first, second, chosen)
    left, top = (decode(model, each.latents) for each in (first, second))
    blank = torch.full_like(left[:1], PAPER)
    cells = torch.cat([torch.cat([blank, top])[None], torch.cat([left[:, None], mixed], 1)])
    settings = {"rows": first.labels, "columns": second.labels, "layers": chosen}
    real = first.has_pictures or second.has_pictures
    record = run_record("mix", model, settings=settings, source_type=COMPOSITE if real else GENERATED)
    names = [f"{_plain(row)}_{_plain(column)}.png" for row in first.labels for column in second.labels]
    return Sheet(
        cells.flatten(0, 1),
        row_labels=["", *first.labels],
        column_labels=["", *second.labels],
        title=f"{record['model']}: layers {layers_text(chosen)} of the columns, all others of the rows",
        scale=scale,
        record=record,
        results=Results(mixed.flatten(0, 1), record, names),
        notes=list(dict.fromkeys([*training_notes(model), *first.notes, *second.notes])),
    )


def _plain(label: str) -> str:
    return label.replace(" ", "").replace(":", "-")
