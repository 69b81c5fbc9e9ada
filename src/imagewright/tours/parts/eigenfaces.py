"""Eigenfaces: components of the set, a picture rebuilt from more and more of them, and samples as a baseline."""

from __future__ import annotations

import time

from imagewright.analysis.components.components import components
from imagewright.analysis.components.figures import draw_components, draw_strip
from imagewright.images import Images
from imagewright.images.selection import subset_evenly
from imagewright.runs.report.curves import draw_curves
from imagewright.tours.parts.models import finish_model, train_part
from imagewright.tours.record import PartRecord
from imagewright.tours.scoring import score_real
from imagewright.tours.work import TourWork

SHOWN = 23  # components; with the mean three rows of eight
# Pictures that are fitted however slow it is. From 1,025 on a fit reads the pictures in passes, and takes a time in
# proportion to their number (`statistics/spectra.py`).
LEAST_FITTED = 1_100
SHARE_FITTED = 0.6  # of the time of the part; the rest draws and scores
FITS = 2  # that of the run, and that of the figures, which have more components


def show_components(work: TourWork, part: PartRecord) -> None:
    """Fit the principal components, and show what they are and what k of them keep."""
    fitted = _fitted(work, part)
    part.facts, part.figures, part.values = [], [], {"fitted": len(fitted)}
    if len(fitted) < len(work.sized.trained):
        part.facts.append(
            f"Fitted to {len(fitted):,} of {len(work.sized.trained):,} pictures, spread evenly over the set: all of "
            "them would take too much of the minutes."
        )
    work.record.write(work.folder)  # with the count: a fit that was interrupted goes on with the same pictures
    run = train_part(work, part, fitted)
    found = components(fitted, "pca", seed=work.record.seed, progress=work.clock.tick)
    work.add_picture(part, "pca-components", draw_components(found, SHOWN), "The mean, and the first components.")
    work.add_picture(part, "pca-by-count", draw_strip(found), "One picture from the mean and its first k components.")
    shares = found.decomposition.cumulative_shares.tolist()
    points = [(0.0, 0.0), *((float(place), 100 * share) for place, share in enumerate(shares, 1))]
    drawing = draw_curves({"explained": points}, "first k components", "% of the variance")
    work.add_drawing(part, "pca-variance", drawing, "How much of what differs between pictures the first k explain.")
    needed = [f"{count:,} explain {share:.0%}" for share, count in found.counts.items() if count is not None]
    if needed:
        part.facts.append(f"Components needed: {', '.join(needed)} of the variance.")
    score_real(work, part)
    finish_model(work, part, run)


def _fitted(work: TourWork, part: PartRecord) -> Images:
    """The pictures that are fitted: all, or so many as the part has time for, by the time that a few take here."""
    trained = work.sized.trained
    count = part.values.get("fitted")  # of a tour that goes on
    if count is None:
        count = len(trained)
        if count > LEAST_FITTED:
            began = time.monotonic()
            components(subset_evenly(trained, LEAST_FITTED), "pca", seed=work.record.seed, progress=work.clock.tick)
            seconds = max(1e-6, time.monotonic() - began)
            left = work.clock.seconds - work.clock.elapsed
            count = min(count, max(LEAST_FITTED, int(LEAST_FITTED * SHARE_FITTED * left / (FITS * seconds))))
    return trained if count >= len(trained) else subset_evenly(trained, count)
