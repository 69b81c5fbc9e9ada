"""`Directions`: the directions that a search found. They move latents, and can be saved in a run and shown.

Shape letters: K directions, N latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from imagewright.errors import UserError, count_text
from imagewright.latent import store
from imagewright.latent.layers import layers_text
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.reprs import MORE, SHOWS, short_repr
from imagewright.runs.run import Run
from imagewright.verbs.apply import RunLike

if TYPE_CHECKING:
    from imagewright.latent.inputs import Inputs, ResolvedInputs
    from imagewright.output.sheets import Sheet

Method = Literal["activations", "latents", "weights"]


@dataclass(frozen=True)
class Directions(NotebookDisplay):
    """Directions in latent space, largest explained share first, each turned so that its positive side is brighter.

    method: what was searched: "activations", "latents" or "weights".
    directions: float32 (K, *latent_shape), of length 1.
    scales: one standard deviation of the latents along each direction, (K,).
    explained: share of variance explained by each direction, (K,); for method "weights" its share of the squared gain
        of the first layer.
    changes: root mean square change of pictures two standard deviations away along each direction, in grey levels,
        (K,).
    notes: messages for the user.
    model: the model searched.
    settings: settings of the search, for a record.
    seed: random seed of the search.
    saved: the files that directions were saved in.
    """

    method: Method
    directions: Tensor
    scales: Tensor
    explained: Tensor
    changes: Tensor
    notes: tuple[str, ...]
    model: Model = field(repr=False)
    settings: dict[str, Any]
    seed: int
    saved: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        what = f"{count_text(len(self.scales), 'direction')} by {self.method}"
        return short_repr(self, what, ".move(latents, number, strength) moves along one", SHOWS, MORE)

    def move(self, latents: Tensor, number: int, strength: float) -> Tensor:
        """Latents (N, *latent_shape) moved along direction `number` by `strength` standard deviations."""
        return latents + strength * self.scales[number] * self.directions[number]

    def lines(self) -> list[str]:
        """A table with a line for each direction: its number, its explained share, and its change of pictures."""
        explains = "share of gain" if self.method == "weights" else "explains"
        rows = zip(self.explained.tolist(), self.changes.tolist(), strict=True)
        return [
            f"{'direction':>9}  {explains:>13}  {'changes (grey levels)':>21}",
            *(f"{number:>9}  {share:>13.1%}  {change:>21.1f}" for number, (share, change) in enumerate(rows)),
        ]

    def to_dict(self) -> dict[str, Any]:
        """The settings and the numbers of each direction, as JSON values; without the directions themselves."""
        numbers = {"scales": self.scales, "explained": self.explained, "changes": self.changes}
        return {**self.settings, "seed": self.seed, **{name: values.tolist() for name, values in numbers.items()}}

    def sheet(self, inputs: Inputs | ResolvedInputs = (0,)) -> Sheet:
        """Each direction as a strip of pictures, with an input in the middle.

        inputs: seeds and pictures, or inputs resolved already.
        """
        from imagewright.latent.directions.sheet import directions_sheet

        return directions_sheet(self, inputs)

    def save(self, run: RunLike, names: Mapping[int, str], *, force: bool = False) -> tuple[Path, ...]:
        """Save directions in a run. Returns the files. Raises as `check_names` does.

        run: a run or its directory.
        names: the name of each direction to save, by its number.
        force: replace saved directions of the same names.
        """
        directory = check_names(run, names, len(self.scales), force=force)
        layers = self.settings.get("layers")
        where = "" if layers is None else f" in layers {layers_text(layers)}"
        paths = []
        for number, name in names.items():
            tensors = {"direction": self.directions[number], "scale": self.scales[number]}
            record = {"found": f"directions, {self.method}{where}, number {number}", **self.settings, "seed": self.seed}
            record |= {"explained": float(self.explained[number]), "change": float(self.changes[number])}
            paths.append(store.save(directory, self.model, name, "direction", tensors, record, force=force))
        return tuple(paths)


def check_names(run: RunLike, names: Mapping[int, str], count: int, *, force: bool = False) -> Run:
    """The run to save directions in. Call it before the search.

    Raises `UserError` for a number not below `count`, for an invalid or taken name, and if `run` is no run.
    """
    missing = [number for number in names if not 0 <= number < count]
    if missing:
        raise UserError(f"There is no direction {missing[0]}: {count} are searched for, 0 to {count - 1} (--count).")
    return store.check_save(run, list(names.values()), force=force)
