"""The sheet of a run through its training: a row a checkpoint, a column a sample of equal seed."""

from __future__ import annotations

import numpy as np
import torch

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import RunError, UserError
from imagewright.output.sheets import Sheet
from imagewright.runs.loading import load
from imagewright.runs.provenance import run_record
from imagewright.runs.run import Run
from imagewright.verbs.apply import sample

COLUMNS, MOST_ROWS = 8, 12


def checkpoint_sheet(run: Run, name: str, count: int = COLUMNS, *, seed: int = 0, most_rows: int = MOST_ROWS) -> Sheet:
    """Samples of a run at its checkpoints, earliest first; sample k of the seed is in column k of every row.

    run: with a checkpoint or more; one is a sheet of one row.
    name: of the run, in the title.
    count: samples of each checkpoint.
    seed: of the samples.
    most_rows: of more checkpoints, so many are shown, evenly, with the first and the last.

    Raises `UserError` for a model that cannot sample, `RunError` for a run without a checkpoint that can be read.
    Damaged checkpoints are left out, which a note says.
    """
    check_can_film(run)
    kept, notes = run.checkpoints(), list[str]()
    if not kept:
        raise RunError(
            f"{run.path} keeps no checkpoint, so that there is nothing to see through time: train with "
            "--keep-checkpoints 20 (keep_checkpoints=20), which keeps the last 20."
        )
    places = np.linspace(0, len(kept) - 1, min(most_rows, len(kept))).round().astype(np.int64)
    chosen = [kept[place] for place in places.tolist()]
    if len(chosen) < len(kept):
        notes.append(f"{name}: {len(chosen)} of its {len(kept)} checkpoints are shown, evenly.")
    rows, shown, record = [], [], None
    for checkpoint in chosen:
        try:
            model = load(run, images_seen=checkpoint.images_seen)
        except RunError as error:
            notes.append(str(error))
            continue
        with torch.inference_mode():
            rows.append(sample(model, count, seed=seed))
        shown.append(checkpoint.images_seen)
        record = run_record("compare", model, seed=seed, settings={"count": count, "checkpoints": list(shown)})
    if not rows:
        raise RunError(f"{run.path} has no checkpoint that can be read: {' '.join(notes)}")
    if len(kept) == 1:
        notes.append(f"{name} keeps one checkpoint, which is one row: --keep-checkpoints 20 keeps the last 20.")
    return Sheet(
        torch.cat(rows),
        row_labels=[f"{each:,}" for each in shown],
        column_labels=[f"{seed}:{place}" for place in range(count)],
        title=f"{name} by images seen, samples of equal seeds",
        record=record,
        name=name,
        notes=notes,
    )


def check_can_film(run: Run) -> None:
    """Raise `UserError` for a run without a training over time, or whose model does not sample."""
    model_class = catalogue.model_class(run.model)
    if model_class.is_closed_form():
        raise UserError(
            f"{run.path} is of {run.model}, which is fitted in closed form: it has no steps, so that there is nothing "
            "to see over time."
        )
    if "sample" not in verbs_of(model_class):
        raise UserError(f"{run.path} cannot be sampled at its checkpoints: {run.model} does not sample.")
