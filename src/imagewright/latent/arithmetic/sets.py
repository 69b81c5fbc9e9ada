"""What a term of latent arithmetic stands for: a set of pictures and its mean, a kept name, a seed, or a direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import ImagewrightError, UserError, nearest_name
from imagewright.images import Images
from imagewright.images.sources.listing import is_picture_name
from imagewright.latent import store as kept
from imagewright.latent.arithmetic.terms import Term, parts_of_set, wrong
from imagewright.latent.attributes.evidence import divided, judged_samples
from imagewright.latent.attributes.labels import annotations_of, evenly, number_of, opened_for
from imagewright.latent.inputs import points_of, run_of
from imagewright.latent.projection.project import project
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode

MOST = 500  # pictures of a set, spread over it: its mean no longer moves
PROJECTED = 16  # for a model without encoder, where each takes seconds
SHOWN = 3


@dataclass(frozen=True)
class Operand:
    """The mean latent (*latent shape) of what a term stands for, of how many points, and a few of them to be shown.

    `shown`: uint8 (M, C, H, W), pictures where there are some, else what the model decodes. A direction has none.
    """

    mean: Tensor
    count: int
    shown: Tensor | None
    is_direction: bool = False


@dataclass
class Names:
    """Where names are looked up: sets that the user named, a source with labels, and what the run keeps."""

    run: RunLike
    model: Model
    sets: Mapping[str, ImagesLike] = field(default_factory=dict)
    source: ImagesLike | None = None
    seed: int = 0
    said: list[str] = field(default_factory=list)
    _labelled: _LabelledSource | None = None

    def operand(self, term: Term, expression: str) -> Operand:
        """What a term stands for; `UserError` with its place where it stands for nothing."""
        text = term.text
        home = run_of(self.run)
        if text in self.sets:
            value = self.sets[text]
            if isinstance(value, str) and not Path(value).expanduser().exists():
                return self._of_labels(value, term, expression)
            return self._of_pictures(value)
        if text.isdecimal() or (home is not None and text in kept.names_of(home, "points")) or is_picture_name(text):
            return self._of_points(text)
        if home is not None and text in kept.names_of(home, "direction"):
            found = kept.find(home, self.model, text, "direction")
            self.said += found.said
            return Operand(found.tensors["direction"] * found.tensors["scale"], 0, None, is_direction=True)
        if Path(text).expanduser().exists():
            return self._of_pictures(text)
        if self.source is not None:
            return self._of_labels(text, term, expression)
        known = [*self.sets, *([] if home is None else kept.names_of(home))]
        raise wrong(
            expression,
            term.place,
            f"{text!r} is no set, no name kept in the run, no picture, folder or seed.{nearest_name(text, known)} "
            "Attributes are names where a source with labels is given (source=)",
        )

    def _of_points(self, text: str) -> Operand:
        points = points_of(self.run, [text], model=self.model)
        self.said += points.said
        return Operand(points.latents.mean(0), len(points.latents), decode(self.model, points.latents[:SHOWN]))

    def _of_pictures(self, value: ImagesLike) -> Operand:
        images, said = opened_for(self.model, value)
        self.said += said
        return self._mean_of(images, np.arange(len(images)))

    def _mean_of(self, images: Images, rows: np.ndarray) -> Operand:
        encodes = "encode" in verbs_of(self.model)
        chosen = images.subset(evenly(rows, MOST if encodes else PROJECTED))
        latents = encode(self.model, chosen) if encodes else project(self.model, chosen).latents
        shown = chosen.batch(evenly(np.arange(len(chosen)), SHOWN)).images
        return Operand(latents.mean(0), len(chosen), shown)

    def _of_labels(self, text: str, term: Term, expression: str) -> Operand:
        """The pictures of the source for which `Male & !Smiling` holds."""
        if self.source is None:
            raise wrong(expression, term.place, f"{text!r} is no folder, and there is no source with labels (source=)")
        if self._labelled is None:
            self._labelled = _LabelledSource.of(self.model, self.source, self.seed, self.said)
        names, values = self._labelled.names, self._labelled.values
        holds = np.ones(len(values), bool)
        for name, wanted in parts_of_set(text):
            try:
                holds &= values[:, number_of(name, names)] == wanted
            except ImagewrightError as error:
                raise wrong(expression, term.place, str(error).rstrip(".")) from None
        if not holds.any():
            raise wrong(expression, term.place, f"no picture of the source is {text}, so it has no mean")
        rows = np.flatnonzero(holds)
        if self._labelled.latents is None:
            return self._mean_of(self._labelled.images, rows)
        latents = self._labelled.latents[torch.from_numpy(rows)]
        return Operand(latents.mean(0), len(rows), decode(self.model, latents[:SHOWN]))


@dataclass(frozen=True)
class _LabelledSource:
    """Labelled pictures; or, for a model without encoder, latents of its samples, labelled by a judge of those."""

    images: Images
    names: tuple[str, ...]
    values: np.ndarray
    latents: Tensor | None

    @classmethod
    def of(cls, model: Model, source: ImagesLike, seed: int, said: list[str]) -> _LabelledSource:
        images, changed = opened_for(model, source)
        said += changed
        names, values = annotations_of(images)
        if "encode" in verbs_of(model):
            return cls(images, names, values, None)
        judged = judged_samples(model, divided(model, images, None, seed).judge(seed, None), seed)
        said.append(
            f"{catalogue.name_of(model)} has no encoder: sets are of its samples, labelled by a judge of real pictures."
        )
        return cls(images, judged.names, judged.values, judged.latents)


def checked_sets(typed: Mapping[str, ImagesLike]) -> None:
    """Raise `UserError` for a set whose name could not be told from something else."""
    for name in typed:
        if not name.strip() or '"' in name or name.isdecimal():
            raise UserError(f"{name!r} cannot be the name of a set: words were expected, and not digits alone.")
