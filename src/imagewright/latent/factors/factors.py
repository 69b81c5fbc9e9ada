"""`latent_factors`: which latent of a model holds which known factor of the pictures, as numbers and as a figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright import catalogue
from imagewright.errors import DataError
from imagewright.images.selection import even_places
from imagewright.metrics.disentanglement.known_factors import HOW, known_factors
from imagewright.metrics.disentanglement.measures import (
    LEAST,
    OUTPUTS,
    Disentanglement,
    check_options,
    encode_pictures,
    measure_disentanglement,
)
from imagewright.metrics.disentanglement.scores import TITLES
from imagewright.metrics.metric import Value
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.progress import Progress
from imagewright.reprs import MORE, WRITES, short_repr
from imagewright.verbs.apply import ImagesLike, RunLike, images_for, resolve_model

AT_ONCE = 128  # pictures read together


@dataclass(frozen=True)
class LatentFactors:
    """Which latent holds which factor.

    measured: mutual information, importances and scores.
    title: of the figure: the model and the pictures.
    settings: for the record of the figure.
    """

    measured: Disentanglement
    title: str
    settings: dict[str, Any] = field(repr=False)

    def __repr__(self) -> str:
        return short_repr(self, self.title, WRITES, MORE)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user."""
        return self.measured.notes

    def best(self) -> np.ndarray:
        """The latent with the most information on each factor, int64 (F,)."""
        return self.measured.information.argmax(0)

    def lines(self) -> list[str]:
        """The scores with their intervals, and for each factor its best latent, as a table."""
        found = self.measured
        scores = [_score_line(title, found.values[name]) for title, name in zip(TITLES, OUTPUTS, strict=True)]
        rows = [
            f"{name:<20}{latent:>7}{found.information[latent, column]:>13.2f}{found.gaps[column]:>8.2f}"
            f"{found.predicted[column]:>12.2f}"
            for column, (name, latent) in enumerate(zip(found.factors, self.best(), strict=True))
        ]
        return [*scores, f"{'factor':<20}{'latent':>7}{'information':>13}{'gap':>8}{'predicted':>12}", *rows]

    def to_dict(self) -> dict[str, Any]:
        """The scores, and the tables latent x factor, as JSON values."""
        found = self.measured
        return {
            "scores": {
                name: {"value": each.value, "low": each.low, "high": each.high} for name, each in found.values.items()
            },
            "factors": list(found.factors),
            "pictures": found.pictures,
            "information": found.information.round(5).tolist(),
            "importances": found.importances.round(5).tolist(),
            "gaps": found.gaps.round(5).tolist(),
            "predicted": found.predicted.round(5).tolist(),
            **self.settings,
        }

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the heat maps of latents and factors, a .png, .svg or .pdf. Returns the path.

        force: replace a file that exists.
        Raises `UserError` for another suffix, `RunError` if the file exists or cannot be written.
        """
        from imagewright.latent.factors.figure import write_heat_maps

        record = make_record(
            "latent factors", model=self.settings["model"], settings=self.settings, source_type=ENHANCED
        )
        return write_heat_maps(self.measured, self.title, path, record, force=force)


def latent_factors(
    run: RunLike,
    source: ImagesLike,
    *,
    count: int = 5_000,
    trees: int = 10,
    seed: int = 0,
    progress: Progress | None = None,
) -> LatentFactors:
    """Measure which latent of a model holds which known factor of pictures (MIG and DCI).

    run: a model that encodes.
    source: pictures with known factors: the built-in set `shapes`, or any with a table of classes, 0/1 attributes or
        numbers.
    count: pictures, chosen at even distances; at least 100.
    trees: of each forest that predicts a factor from the latents.
    seed: of the forests, and of the half samples of the intervals.
    progress: called with (done, total).

    Raises `DataError` for pictures without known factors, `UserError` for a model that does not encode.
    """
    check_options({"trees": trees, "pictures": count})
    model = resolve_model(run)
    images = images_for(model, source)
    factors = known_factors(images)
    if factors is None:
        raise DataError(f"{images.source} has no known factors: {HOW}.")
    if len(images) < LEAST:
        raise DataError(f"{images.source} has {len(images):,} pictures: disentanglement needs {LEAST} at least.")
    rows = even_places(len(images), count)
    done = 0

    def read(part: np.ndarray) -> Any:
        nonlocal done
        if progress is not None:
            progress(done, len(rows))
        done += len(part)
        return images.batch(part).images

    images.prepare()
    latents = encode_pictures(model, read, rows, AT_ONCE).cpu().numpy()
    if progress is not None:
        progress(len(rows), len(rows))
    measured = measure_disentanglement(latents, factors.of_rows(rows), trees=trees, seed=seed)
    name = catalogue.name_of(model)
    settings = {"model": name, "source": images.source, "count": len(rows), "trees": trees, "seed": seed}
    return LatentFactors(measured, f"{name} on {measured.pictures:,} pictures of {images.source}", settings)


def _score_line(title: str, value: Value) -> str:
    return f"{title:<20}{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"
