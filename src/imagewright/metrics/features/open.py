"""`open_features`: the features of any name, for programs that use the package."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from imagewright.metrics.features.of_runs import features_named
from imagewright.pretrained.features.contract import FeatureNetwork, open_network


def open_features(
    name: str, *, resize: str | None = None, device: str = "cpu", weights: str | Path | None = None
) -> FeatureNetwork:
    """The features of a name: `inception`, `dinov2`, `random`, `pixels`, `classifier:RUN`, `file:...`, `python:...`.

    name: as `--features` takes it.
    resize: a filter other than the network's own, such as "clean-bicubic".
    device: where the network computes.
    weights: a file of your own with weights for `inception` or `dinov2`; their scores are not called published ones.

    Published weights are fetched where they are not found. The result turns uint8 pictures (N, C, H, W) into features:
    `network.extract(network.prepare(pictures)).pooled`, float32 (N, F).

    Raises `ConfigError` for a name or a filter that does not exist, or if the network takes no weights, and `DataError`
    if weights cannot be had or are those of another network.
    """
    if weights is None:
        return features_named(name, resize=resize, device=device)
    network = open_network(name, resize=resize, weights=weights)
    if isinstance(network, nn.Module):
        network.to(device)
    return network
