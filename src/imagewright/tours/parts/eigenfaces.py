"""Eigenfaces: components of the set, a picture rebuilt from more and more of them, and samples as a baseline."""

from __future__ import annotations

from imagewright.analysis.components.components import components
from imagewright.analysis.components.figures import draw_components, draw_strip
from imagewright.runs.report.curves import draw_curves
from imagewright.tours.parts.models import finish_model, train_part
from imagewright.tours.record import PartRecord
from imagewright.tours.scoring import score_real
from imagewright.tours.work import TourWork

SHOWN = 23  # components; with the mean three rows of eight


def show_components(work: TourWork, part: PartRecord) -> None:
    """Fit the principal components, and show what they are and what k of them keep."""
    part.facts, part.figures, part.values = [], [], {}
    run = train_part(work, part)
    found = components(work.sized.trained, "pca", seed=work.record.seed, progress=work.clock.tick)
    work.add_picture(part, "pca-components", draw_components(found, SHOWN), "The mean, and the first components.")
    work.add_picture(part, "pca-by-count", draw_strip(found), "One picture from the mean and its first k components.")
    shares = found.decomposition.cumulative_shares.tolist()
    points = [(0.0, 0.0), *((float(place), 100 * share) for place, share in enumerate(shares, 1))]
    drawing = draw_curves({"variance": points}, "first k components", "% of the variance")
    work.add_drawing(part, "pca-variance", drawing, "How much of what differs between pictures the first k explain.")
    needed = [f"{count:,} explain {share:.0%}" for share, count in found.counts.items() if count is not None]
    if needed:
        part.facts.append(f"Components needed: {', '.join(needed)} of the variance.")
    score_real(work, part)
    finish_model(work, part, run)
