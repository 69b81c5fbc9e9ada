"""What one step leaves to be logged: loss terms and gradient norms, as tensors on the device."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from imagewright.phases import Terms


@dataclass
class Observed:
    """terms: ("phase/term", value times weight, weight) a micro-batch. norms: (phase, a norm a network) an update."""

    terms: list[tuple[str, Tensor, float]] = field(default_factory=list)
    norms: list[tuple[str, list[Tensor]]] = field(default_factory=list)

    def add_terms(self, phase: str, terms: Terms, weight: float) -> None:
        """The terms of one micro-batch, which is `weight` of the batch."""
        self.terms += [(f"{phase}/{name}", term.detach() * weight, weight) for name, term in terms.items()]

    def clone(self) -> Observed:
        """A copy that later steps of a captured graph do not write over."""
        return Observed(
            [(key, value.clone(), weight) for key, value, weight in self.terms],
            [(phase, [norm.clone() for norm in norms]) for phase, norms in self.norms],
        )
