"""The numbers that a model recommends for its training."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """The numbers a model recommends for its training; each gives way to the user's option of the same name."""

    images_seen: int = 200_000
    batch_size: int = 64
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    ema_half_life: int = 0  # images over which half of the moving average is renewed; 0: no average
    # What a network's learning rate is multiplied by, for networks that learn at another speed than the rest.
    rates: dict[str, float] = field(default_factory=dict)
