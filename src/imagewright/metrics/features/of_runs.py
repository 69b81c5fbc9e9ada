"""Features by name: those of `pretrained/`, and what a trained model perceives (`classifier:RUN`).

Features of a model of one's own suit pictures that ImageNet's classes know nothing of. Scores by them are comparable
where the very same weights were used, which their hash says.
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

OF_A_RUN = "classifier:"


def features_named(name: str, *, resize: str | None = None, device: str = "cpu") -> FeatureNetwork:
    """The network of a name: `inception`, `random`, `classifier:runs/judge`. Weights are fetched where need be."""
    if name.startswith(OF_A_RUN):
        run = Path(name.removeprefix(OF_A_RUN))
        # By whatever path it was named: the hash of its weights says what it is.
        return RunFeatures(load(run, device=device), OF_A_RUN + run.resolve().name, resize or "lanczos")
    network = open_network(name) if resize is None else open_network(name, resize=resize)
    if isinstance(network, torch.nn.Module):
        network.to(device)
    return network


class RunFeatures:
    """What a trained model sees: what it perceives, else its latents; with its class log-probabilities as logits."""

    def __init__(self, model: Model, name: str, resize: str) -> None:
        if not isinstance(model, (ExtractsFeatures, Encodes)):
            raise ConfigError(
                f"{name} gives no features: {catalogue.name_of(model)} answers {', '.join(verbs_of(model))}. A model "
                "that encodes, or one with a discriminator, was expected."
            )
        self.model, self.name, self.resize = model.eval(), name, resize
        config = model.config
        self.block = block_size(*config.size)
        with torch.inference_mode():
            found = self._of(torch.zeros(2, config.channels, *config.size, device=model.device))
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
        """Features, and logits where the model classifies."""
        pooled, logits = [], []
        with torch.inference_mode():
            for block, rows in padded_blocks(prepared, self.block):
                found = self._of(block.to(self.model.device))
                pooled.append(found.pooled[:rows].float().cpu())
                if found.logits is not None:
                    logits.append(found.logits[:rows].float().cpu())
        return Features(torch.cat(pooled), torch.cat(logits) if logits else None)

    def _of(self, images: Tensor) -> Features:
        model = self.model
        pooled = model.extract_features(images) if isinstance(model, ExtractsFeatures) else model.encode(images)
        logits = model.classify(images) if isinstance(model, Classifies) else None
        return Features(pooled.flatten(1), logits)
