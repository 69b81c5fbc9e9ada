"""EfficientNet-Lite0 without norms of its own: the same maps."""

from __future__ import annotations

import torch
from torch import nn

from imagewright.pretrained.efficientnet_lite import EfficientNetLite, fold_norms


def test_folded_norms_leave_the_maps_as_they_were() -> None:
    torch.manual_seed(0)
    network = EfficientNetLite().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for name, low, high in (("weight", 0.5, 1.5), ("bias", -1, 1), ("running_mean", -1, 1)):
                getattr(module, name).data.uniform_(low, high)
            module.running_var.uniform_(0.5, 2)
    images, stages = torch.randn(2, 3, 32, 32), (1, 2, 4, 6)
    with torch.no_grad():
        expected = network.maps(images, stages)
        folded = fold_norms(network)
        assert not [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d)]
        for one, other in zip(folded.maps(images, stages), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))
