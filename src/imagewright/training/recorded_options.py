"""The options that a run recorded, under their present names: what a resumed run and a branch go on with."""

from __future__ import annotations

from typing import Any

from imagewright import catalogue, configs
from imagewright.runs.run import Run
from imagewright.training.options import TrainingOptions

# Values of options in runs of versions that did not have them.
FORMER_DEFAULTS = {"held_out": 0, "precision": "fp32", "defaults": "published"}


def training_options(run: Run) -> dict[str, Any]:
    """The training options that the run recorded, under their present names."""
    return FORMER_DEFAULTS | configs.with_present_names(TrainingOptions, run.record.get("options") or {})


def model_options(run: Run) -> dict[str, Any]:
    """The model's options that the run recorded, under their present names."""
    return configs.with_present_names(catalogue.model_class(run.model).Config, run.record["config"])
