"""The consent records of a training: those of the run that it resumes or starts from, and those that are given now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.consent import merge_consents, read_consents, refusal
from imagewright.errors import ConfigError
from imagewright.runs.consents import recorded_consents
from imagewright.runs.run import Run


def settle_consents(model_name: str, given: Any, resumed: Path | None, start: str | None) -> list[dict[str, Any]]:
    """The consent records of a training, for `run.json`.

    model_name: in the catalogue.
    given: by the user, as for `read_consents`.
    resumed: the run directory that is resumed; its records are kept.
    start: what a new run starts from (`--from`); its records are kept. They do not stand for the pictures of this one.

    Raises `ConfigError` for a consent that cannot be read, and if a model that needs one has none for its own pictures.
    """
    added = read_consents(given)
    kept = recorded_consents(Run(resumed)) if resumed is not None else []
    if catalogue.model_class(model_name).Config.needs_consent and not (added or kept):
        raise ConfigError(refusal(model_name))
    if resumed is None and start is not None:
        kept = recorded_consents(start)
    return merge_consents(kept, added)
