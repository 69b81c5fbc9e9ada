"""Feature networks by name: those of `pretrained/`, and trained models (`classifier:RUN`).

Features of the user's own model suit pictures unlike those of ImageNet. Scores in them are comparable only if the
weights are the same, which their hash in the recipe shows.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Classifies, Encodes, ExtractsFeatures, verbs_of
from imagewright.errors import ConfigError
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.pretrained.features.contract import About, FeatureNetwork, Features, open_network
from imagewright.pretrained.resizing import resize_images
from imagewright.pretrained.weights import weights_digest
from imagewright.runs.loading import load
from imagewright.verbs.blocks import block_size, padded_blocks

RUN_PREFIX = "classifier:"


def open_features(
    name: str, *, resize: str | None = None, device: str = "cpu", weights: str | Path | None = None
) -> FeatureNetwork:
    """Open a feature network; published weights are downloaded on first use.

    The network turns uint8 pictures (N, C, H, W) into features float32 (N, F):
    `network.extract(network.prepare(pictures)).pooled`.

    name: `inception`, `dinov2`, `efficientnet_lite0`, `random`, `pixels`, `classifier:RUN`, or a network of the user's
        own (`file:NET.pt`, `python:MODULE:NAME`).
    resize: the resize filter before the network, instead of the network's own.
    device: for the network.
    weights: a file of the user's own weights for `inception`, `dinov2` or `efficientnet_lite0`; scores are then
        not called FID or KID.

    Raises `ConfigError` for an unknown name or filter, for a run without features, and for weights of a network that
    takes none; `DataError` if weights are missing, damaged, or of another network.
    """
    if name.startswith(RUN_PREFIX):
        if weights is not None:
            raise ConfigError(f"weights={weights}, but the features {name!r} are those of a run: leave weights out.")
        run = Path(name.removeprefix(RUN_PREFIX))
        # Named by its folder, whatever the path: the hash of its weights identifies it.
        return RunFeatures(load(run, device=device), RUN_PREFIX + run.resolve().name, resize or "lanczos")
    network = open_network(name, resize=resize, weights=weights)
    if isinstance(network, torch.nn.Module):
        network.to(device)
    return network


class RunFeatures:
    """A trained model as a feature network: its features, or else its latents; log-probabilities of classes as logits.

    model: extracts features or encodes.
    name: for messages and recipes.
    resize: the filter that brings pictures to the model's size.

    Raises `ConfigError` for a model that does neither.
    """

    def __init__(self, model: Model, name: str, resize: str) -> None:
        if not isinstance(model, (ExtractsFeatures, Encodes)):
            raise ConfigError(
                f"{name} has no features: {catalogue.name_of(model)} answers {', '.join(verbs_of(model))}. A model "
                "that encodes, or a model with a discriminator, was expected."
            )
        self.model, self.name, self.resize = model.eval(), name, resize
        config = model.config
        self.block = block_size(*config.size)
        with torch.inference_mode():
            found = self._extract(torch.zeros(2, config.channels, *config.size, device=model.device))
        self._about = About(
            name=name,
            digest=weights_digest(model.state_dict()),
            dimension=found.pooled.shape[1],
            size=config.size,
            resize=resize,
            channels=config.channels,
            value_range="-1 to 1",
            licence="the user's",
            classes=None if found.logits is None else found.logits.shape[1],
        )

    @property
    def about(self) -> About:
        """What decides the features."""
        return self._about

    @property
    def concurrent(self) -> bool:
        """Whether several threads may call `extract` at once."""
        return self.model.device.type == "cpu"

    def prepare(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) to float32 in [-1, 1] at the model's size and channels."""
        config = self.model.config
        return to_float(resize_images(images, config.size, self.resize, channels=config.channels))

    def extract(self, prepared: Tensor) -> Features:
        """Features, and logits if the model classifies."""
        pooled, logits = [], []
        with torch.inference_mode():
            for block, rows in padded_blocks(prepared, self.block):
                found = self._extract(block.to(self.model.device))
                pooled.append(found.pooled[:rows].float().cpu())
                if found.logits is not None:
                    logits.append(found.logits[:rows].float().cpu())
        return Features(torch.cat(pooled), torch.cat(logits) if logits else None)

    def _extract(self, images: Tensor) -> Features:
        model = self.model
        pooled = model.extract_features(images) if isinstance(model, ExtractsFeatures) else model.encode(images)
        logits = model.classify(images) if isinstance(model, Classifies) else None
        return Features(pooled.flatten(1), logits)
