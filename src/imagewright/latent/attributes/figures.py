"""What an attribute direction does: a sheet of examples, and where it was measured a figure and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from imagewright.latent.attributes.effect import PASSED, Effect
from imagewright.latent.attributes.evidence import EXAMPLES
from imagewright.latent.attributes.result import Attribute
from imagewright.latent.editing.sheet import draw_rows
from imagewright.model import Model
from imagewright.output.figures import colour_of, mark_of, new_figure, save_figure
from imagewright.verbs.apply import decode

LEAKING = 5  # attributes drawn in colour beside the one that is meant


def draw_effect(effect: Effect, path: str | Path, record: Mapping[str, Any], *, title: str, force: bool) -> None:
    """The curve of the attribute, those that leak most, and the others in grey. Writes PNG, SVG or PDF."""
    leaking = effect.most_leaking(LEAKING)
    with new_figure(8.0, 4.8) as figure:
        axes = figure.add_subplot()
        for name in effect.names:
            if name not in leaking and name != effect.attribute:
                axes.plot(effect.strengths, effect.curve(name), color="#cccccc", linewidth=0.8)
        for place, name in enumerate([effect.attribute, *leaking]):
            said = f"{name}" if place == 0 else f"{name} {effect.leakage[name]:+.2f}"
            axes.plot(
                effect.strengths,
                effect.curve(name),
                color=colour_of(place),
                marker=mark_of(place),
                markersize=5,
                linewidth=2.6 if place == 0 else 1.4,
                label=said,
            )
        axes.axhline(PASSED, color="#888888", linewidth=0.8, linestyle=":")
        if effect.passes is not None:
            axes.axvline(effect.passes, color="#888888", linewidth=0.8, linestyle=":")
            axes.annotate(
                f"{PASSED} at {effect.passes:.2f}", (effect.passes, 0.99), xytext=(4, 0), textcoords="offset points"
            )
        axes.set(
            xlabel="strength, standard deviations of the latents",
            ylabel=f"judge's mean probability, {effect.pictures} pictures without it",
            ylim=(-0.02, 1.04),
        )
        figure.suptitle(title, fontsize=11)
        where = f"change at strength {effect.reached:.2f}"
        axes.legend(title=f"{effect.attribute}; others: {where}", loc="center left", bbox_to_anchor=(1.01, 0.5))
        save_figure(figure, path, record, force=force)


def table_of(effect: Effect) -> tuple[list[str], list[list[str]]]:
    """A header, and a row an attribute: the one that is meant first, then by how much they change."""
    header = ["attribute", "judge_accuracy", "real_pictures", *(f"at_{strength:g}" for strength in effect.strengths)]
    rows = []
    for name in [effect.attribute, *effect.most_leaking(len(effect.names))]:
        real = "" if effect.real is None else f"{effect.real[effect.names.index(name)]:.4f}"
        change = "" if name == effect.attribute else f"{effect.leakage[name]:.4f}"
        curve = [f"{value:.4f}" for value in effect.curve(name)]
        rows.append([name, f"{effect.accuracy[name]:.4f}", real, *curve, change])
    return [*header, f"change_at_{effect.reached:.2f}"], rows


def draw_attribute(model: Model, found: Attribute, strengths: Sequence[float], title: str) -> Image.Image:
    """The examples of an attribute, a row each, moved by each strength."""
    moved = torch.stack([found.examples + strength * found.step for strength in strengths], 1)
    images = decode(model, moved.flatten(0, 1)).unflatten(0, moved.shape[:2])
    sides = min(len(found.examples) // 2, EXAMPLES)
    labels = [f"without {found.name}"] * sides + [f"with {found.name}"] * (len(found.examples) - sides)
    originals = [None] * len(images) if found.pictures is None else list(found.pictures)
    heads = [f"{strength:+g}" if strength else "0" for strength in strengths]
    return draw_rows(images, originals, decode(model, found.examples), labels, heads, title)
