"""The contract of feature networks, which turn pictures into features, and opening one by its name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from imagewright.errors import ConfigError, nearest_name

WITHOUT_WEIGHTS = "The features `random` and `pixels` need no file (--features random)."


@dataclass(frozen=True)
class About:
    """What decides a network's features, and their licence.

    name: such as "inception".
    digest: SHA-256, in hex, over the weights (`weights.weights_digest`), not over a file: equal weights from different
        files have the same digest.
    dimension: number of features of a picture.
    size: (height, width) to which pictures are resized; None leaves them as they are.
    resize: a filter of `pretrained/resizing.py`; "none" if pictures are not resized.
    channels: 1 or 3; None leaves them as they are.
    value_range: of the network's inputs, in words.
    licence: of the weights.
    classes: width of the logits; None if the network does not classify.
    published: whether published scores were computed with these weights.
    """

    name: str
    digest: str
    dimension: int
    size: tuple[int, int] | None
    resize: str
    channels: int | None
    value_range: str
    licence: str
    classes: int | None = None
    published: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON values: the part of a score's recipe that identifies the features."""
        return {
            "name": self.name,
            "digest": self.digest,
            "size": None if self.size is None else list(self.size),
            "resize": self.resize,
            "channels": self.channels,
        }


@dataclass(frozen=True)
class Features:
    """The features of N pictures: `pooled` float32 (N, F), and `logits` float32 (N, K) if the network classifies."""

    pooled: Tensor
    logits: Tensor | None = None


class FeatureNetwork(Protocol):
    """A network that turns pictures of any size into features."""

    @property
    def about(self) -> About:
        """What decides the features."""
        ...

    @property
    def block(self) -> int:
        """How many pictures `extract` computes together on a CPU. Fewer pictures take the same time."""
        ...

    @property
    def concurrent(self) -> bool:
        """Whether threads may call `extract` concurrently: it has no state between calls, and runs on the CPU."""
        ...

    def prepare(self, images: Tensor) -> Tensor:
        """Convert uint8 (N, C, H, W) to the network's size, channels and range, on the CPU, each picture independently.

        May be called by several threads at once.
        """
        ...

    def extract(self, prepared: Tensor) -> Features:
        """The features, on the CPU and without gradients, of pictures from `prepare`."""
        ...


# "module:function": each takes `resize` and returns the network with its weights. Nothing is imported before.
NETWORKS = {
    "inception": "imagewright.pretrained.inception:open_inception",
    "dinov2": "imagewright.pretrained.dinov2:open_dinov2",
    "efficientnet_lite0": "imagewright.pretrained.efficientnet_lite:open_efficientnet_lite",
    "random": "imagewright.pretrained.features.random:open_random",
    "pixels": "imagewright.pretrained.features.pixels:open_pixels",
}
WITH_WEIGHTS = ("inception", "dinov2", "efficientnet_lite0")  # these also take a file of the user's own

# Networks of the user's own, by the prefix of their names: these functions also take the whole name.
USER_NETWORKS = {
    "file:": "imagewright.pretrained.features.user_networks:open_file",
    "python:": "imagewright.pretrained.features.user_networks:open_python",
}


def runs_code(name: str) -> bool:
    """Whether the features of a name are code of the user's own, which is run when they are opened."""
    return name.startswith(tuple(USER_NETWORKS))


def open_network(name: str, resize: str | None = None, weights: str | Path | None = None) -> FeatureNetwork:
    """The network of a name. Its weights are fetched first if they are not found.

    name: one of `NETWORKS`, or a network of the user's own: `file:net.pt@224`, `python:package.module:function@224`
        (`user_networks.py`). The code of the latter is run.
    resize: a filter other than the network's own.
    weights: a file of the user's own, for the networks in `WITH_WEIGHTS`.

    Raises `ConfigError` for a name or a filter that does not exist, or if the network takes no weights, and `DataError`
    if weights cannot be had or are those of another network.
    """
    prefix = next((prefix for prefix in USER_NETWORKS if name.startswith(prefix)), None)
    if prefix is None and name not in NETWORKS:
        known = ", ".join((*NETWORKS, *(f"{prefix}..." for prefix in USER_NETWORKS)))
        raise ConfigError(f"There are no features {name!r}: expected {known}.{nearest_name(name, NETWORKS)}")
    if weights is not None and name not in WITH_WEIGHTS:
        raise ConfigError(
            f"The features {name!r} take no weights: only {', '.join(WITH_WEIGHTS[:-1])} and {WITH_WEIGHTS[-1]} do."
        )
    module, _, function = (NETWORKS[name] if prefix is None else USER_NETWORKS[prefix]).partition(":")
    options = {name: value for name, value in (("resize", resize), ("weights", weights)) if value is not None}
    opened = getattr(importlib.import_module(module), function)
    network: FeatureNetwork = opened(**options) if prefix is None else opened(name, **options)
    return network
