"""The figure of `latent_factors`: heat maps of latents and factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imagewright.metrics.disentanglement.measures import Disentanglement
from imagewright.output.figures import new_figure, save_figure
from imagewright.output.provenance import Record

SHOWN = 20  # latents at most: those with the most information on any factor
CELL, MARGIN, TOP = 0.34, 1.3, 1.5  # inches
DARK = 0.55  # below it, numbers are white


def write_heat_maps(
    measured: Disentanglement, title: str, path: str | Path, record: Record, *, force: bool = False
) -> Path:
    """Write the mutual information, and the importances beside it, a row a latent and a column a factor."""
    order = _choose(measured.information)
    panels = (
        (
            "mutual information / entropy",
            measured.information[order],
            [f"{gap:.2f}" for gap in measured.gaps],
            "the gap of its best",
        ),
        (
            "importance",
            measured.importances[order],
            [f"{each:.2f}" for each in measured.predicted],
            "how well it is told",
        ),
    )
    columns, rows = len(measured.factors), len(order)
    more = len(measured.latents) - rows
    with new_figure(2 * (columns * CELL * 1.35 + MARGIN), rows * CELL + TOP + 0.8) as figure:
        figure.suptitle(f"{title}: {_scores(measured)}", fontsize=10)
        for axes, (name, values, below, what) in zip(figure.subplots(1, 2), panels, strict=True):
            _draw(axes, values, name)
            labels = [f"{factor}\n{each}" for factor, each in zip(measured.factors, below, strict=True)]
            axes.set_xticks(range(columns), labels, rotation=40, fontsize=8, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(rows), [str(each) for each in measured.latents[order]], fontsize=7)
            axes.set_ylabel("latent" if not more else f"latent ({more:,} others hold less)")
            axes.set_xlabel(f"factor, and {what}")
        return save_figure(figure, path, record, force=force)


def _choose(information: np.ndarray) -> np.ndarray:
    """The latents with the most information on one factor, by the factor that they hold: int64 (n,)."""
    chosen = np.argsort(-information.max(1), kind="stable")[:SHOWN]
    order: np.ndarray = chosen[np.lexsort((-information[chosen].max(1), information[chosen].argmax(1)))]
    return order


def _draw(axes: Any, values: np.ndarray, name: str) -> None:
    axes.imshow(values, vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.set_title(name)
    for (row, column), value in np.ndenumerate(values):
        if value >= 0.05:
            colour = "white" if value < DARK else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6, color=colour)


def _scores(measured: Disentanglement) -> str:
    mig, disentanglement, completeness, informativeness = (each.value for each in measured.values.values())
    return (
        f"MIG {mig:.2f}\nDCI: disentanglement {disentanglement:.2f}, completeness {completeness:.2f}, informativeness "
        f"{informativeness:.2f}"
    )
