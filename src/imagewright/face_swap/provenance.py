"""The provenance record of a swapped picture or video: always a composite, with the consent records of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.model import Model
from imagewright.output.provenance import COMPOSITE, Record
from imagewright.runs.provenance import run_record
from imagewright.runs.run import Run


def swap_record(
    run: Run | Model | str | Path,
    footage: str | Path,
    *,
    settings: Record | None = None,
    mark: str | None = None,
) -> dict[str, Any]:
    """The record of a swap; every writer of pictures and videos takes it.

    IPTC's digital source type is `compositeWithTrainedAlgorithmicMedia`, for pictures and for videos.

    run: as for `run_record`. Its consent records are in the record.
    footage: the picture, folder or video whose faces are replaced. The record has its name alone.
    settings: the options that the swap depends on, as JSON values.
    mark: the text of the visible mark, if there is one.
    """
    known = {"footage": Path(footage).name, **(settings or {})}
    if mark is not None:
        known["mark"] = mark
    return run_record("swap", run, settings=known, source_type=COMPOSITE)
