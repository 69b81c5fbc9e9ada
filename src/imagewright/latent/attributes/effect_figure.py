"""The figure and the table of an effect that was measured with an attribute classifier."""

from __future__ import annotations

from pathlib import Path

from imagewright.files import written_together
from imagewright.latent.attributes.effect import THRESHOLD, Effect
from imagewright.latent.attributes.result import Attribute
from imagewright.latent.attributes.sheet import attribute_record
from imagewright.output.figures import colour_of, mark_of, new_figure, save_figure
from imagewright.output.tables import write_table
from imagewright.output.writing import refuse_existing

LEAKING = 5  # other attributes drawn in colour


@written_together()
def write_effect(found: Attribute, effect: Effect, path: str | Path, *, force: bool = False) -> list[Path]:
    """Write the figure as PNG, SVG or PDF, and the table beside it as CSV. Returns both paths.

    Raises `UserError` for another suffix, `RunError` if a file exists (unless `force`).
    """
    table = Path(path).with_suffix(".csv")
    refuse_existing([path, table], force=force)
    return [_write_figure(found, effect, path, force=force), write_table(table, *effect_table(effect), force=force)]


def _write_figure(found: Attribute, effect: Effect, path: str | Path, *, force: bool) -> Path:
    """The attribute's curve, the most leaking others, and the rest in grey."""
    record = attribute_record(found)
    where = f"{record['model']} of {record['run']}" if record["run"] else str(record["model"])
    leaking = effect.most_leaking(LEAKING)
    with new_figure(8.0, 4.8) as figure:
        axes = figure.add_subplot()
        for name in effect.names:
            if name not in leaking and name != effect.attribute:
                axes.plot(effect.strengths, effect.curve(name), color="#cccccc", linewidth=0.8)
        for number, name in enumerate([effect.attribute, *leaking]):
            axes.plot(
                effect.strengths,
                effect.curve(name),
                color=colour_of(number),
                marker=mark_of(number),
                markersize=5,
                linewidth=2.6 if number == 0 else 1.4,
                label=name if number == 0 else f"{name} {effect.leakage[name]:+.2f}",
            )
        axes.axhline(THRESHOLD, color="#888888", linewidth=0.8, linestyle=":")
        if effect.crossing is not None:
            axes.axvline(effect.crossing, color="#888888", linewidth=0.8, linestyle=":")
            text = f"{THRESHOLD} at {effect.crossing:.2f}"
            axes.annotate(text, (effect.crossing, 0.99), xytext=(4, 0), textcoords="offset points")
        axes.set(
            xlabel="strength, standard deviations of the latents",
            ylabel=f"classifier's mean probability, {effect.pictures} pictures without it",
            ylim=(-0.02, 1.04),
        )
        figure.suptitle(f"{found.name}: {where}, measured by a classifier of real pictures", fontsize=11)
        legend = f"{effect.attribute}; others: change at strength {effect.leakage_strength:.2f}"
        axes.legend(title=legend, loc="center left", bbox_to_anchor=(1.01, 0.5))
        return save_figure(figure, path, record, force=force)


def effect_table(effect: Effect) -> tuple[list[str], list[list[str]]]:
    """A header, and a row for each attribute: the effect's own first, then the others, largest change first."""
    header = ["attribute", "classifier_accuracy", "real_pictures"]
    header += [f"at_{strength:g}" for strength in effect.strengths]
    rows = []
    for name in [effect.attribute, *effect.most_leaking(len(effect.names))]:
        real = "" if effect.real is None else f"{effect.real[effect.names.index(name)]:.4f}"
        change = "" if name == effect.attribute else f"{effect.leakage[name]:.4f}"
        curve = [f"{value:.4f}" for value in effect.curve(name)]
        rows.append([name, f"{effect.accuracy[name]:.4f}", real, *curve, change])
    return [*header, f"change_at_{effect.leakage_strength:.2f}"], rows
