"""The provenance record of what a run made: the record of `output/provenance.py` with the facts of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.model import Model, Origin
from imagewright.output.provenance import GENERATED, Record, make_record
from imagewright.runs.consents import recorded_consents
from imagewright.runs.loading import load
from imagewright.runs.run import Run
from imagewright.views import view_settings

SAMPLE_NOTHING = ("reconstruct", "translate")


def run_record(
    verb: str,
    run: Run | Model | str | Path,
    *,
    seed: int | None = None,
    settings: Record | None = None,
    source_type: str = GENERATED,
) -> dict[str, Any]:
    """The provenance record of pictures that a run made.

    verb: the command or function that made them, such as "sample".
    run: a run, its directory, a weights file, or the model loaded from one of these. The record names the model, the
        last folder of the run's path, the images seen at the checkpoint, and the run's consent records; a model that
        was not loaded has no run.
    seed: of all that was random, if anything was.
    settings: the options that the pictures depend on, as JSON values.
    source_type: GENERATED, COMPOSITE or ENHANCED of `imagewright.output.provenance`.
    """
    name, origin = _facts(run)
    views = view_settings(run) if isinstance(run, Model) else {}
    if verb in SAMPLE_NOTHING:
        views.pop("sample_from", None)
    return make_record(
        verb,
        model=name,
        run=None if origin is None else origin.path,
        images_seen=None if origin is None else origin.images_seen,
        seed=seed,
        settings={**(settings or {}), **views},
        source_type=source_type,
        consent=[] if origin is None else recorded_consents(origin.path),
    )


def _facts(run: Run | Model | str | Path) -> tuple[str, Origin | None]:
    """The model's name in the catalogue, and where it was loaded from."""
    if isinstance(run, Model):
        return catalogue.name_of(run), run.origin
    if isinstance(run, Run) or Path(run).is_dir():
        opened = run if isinstance(run, Run) else Run(run)
        return opened.model, Origin(opened.path, opened.latest()[0].images_seen)
    model = load(run)
    return catalogue.name_of(model), model.origin
