"""The losses and gradient norms of one step, as tensors on the device."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from imagewright.phases import Terms


@dataclass
class Observed:
    """The losses and gradient norms of one step.

    terms: for each micro-batch and term: "phase/term", value times weight, weight (the share of the batch).
    norms: for each update: phase, and the gradient norm of each of its networks.
    """

    terms: list[tuple[str, Tensor, float]] = field(default_factory=list)
    norms: list[tuple[str, list[Tensor]]] = field(default_factory=list)

    def add_terms(self, phase: str, terms: Terms, weight: float) -> None:
        """Add the terms of one micro-batch, whose rows are the share `weight` of the batch."""
        self.terms += [(f"{phase}/{name}", term.detach().float() * weight, weight) for name, term in terms.items()]

    def clone(self) -> Observed:
        """A copy, because later steps of a captured graph write into the same tensors."""
        return Observed(
            [(key, value.clone(), weight) for key, value, weight in self.terms],
            [(phase, [norm.clone() for norm in norms]) for phase, norms in self.norms],
        )
