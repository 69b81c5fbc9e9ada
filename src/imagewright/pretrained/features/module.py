"""A torch module as a feature network: pictures to its size and range, and through it in blocks of one size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from imagewright.pretrained.features.contract import About, Features
from imagewright.pretrained.resizing import resized

BLOCK = 4  # on a CPU: larger ones are no faster for large networks (measured), and cost memory
BLOCK_OF_DEVICES = 64


class ModuleFeatures(nn.Module):
    """`network` gives `Features` of float32 pictures; `scaled` brings those in 0..255 to the range that it wants.

    Matrix products round differently for different batch sizes. In blocks of one size, the last one filled up, a
    picture has the same features however many it came with. `stateless`: calls of `network` leave nothing in it.
    """

    def __init__(
        self,
        about: About,
        network: nn.Module,
        scaled: Callable[[Tensor], Tensor],
        *,
        block: int = BLOCK,
        stateless: bool = True,
    ) -> None:
        super().__init__()
        self._about, self.scaled, self.block, self.stateless = about, scaled, block, stateless
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def about(self) -> About:
        """What decides the features."""
        return self._about

    @property
    def concurrent(self) -> bool:
        """Whether several threads may call `extract` at once."""
        return self.stateless and self._device().type == "cpu"

    def prepare(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) as float32 at the network's size, channels and range."""
        size = self.about.size or (images.shape[2], images.shape[3])
        wanted = resized(images, size, self.about.resize, channels=self.about.channels)
        return self.scaled(wanted).contiguous(memory_format=torch.channels_last)

    def extract(self, prepared: Tensor) -> Features:
        """The features, on the CPU, computed where the weights are."""
        device = self._device()
        block = self.block if device.type == "cpu" else max(self.block, BLOCK_OF_DEVICES)
        pooled, logits = [], []
        # TF32 keeps 10 bits of the mantissa: features by it differ from those by a CPU, and so would scores.
        exact = torch.backends.cudnn.flags(allow_tf32=False) if device.type == "cuda" else nullcontext()
        with torch.inference_mode(), exact:
            for rows in prepared.split(block):
                whole = torch.cat([rows, rows.new_zeros(block - len(rows), *rows.shape[1:])])
                found = self.network(whole.to(device).contiguous(memory_format=torch.channels_last))
                pooled.append(found.pooled[: len(rows)].cpu())
                if found.logits is not None:
                    logits.append(found.logits[: len(rows)].cpu())
        return Features(torch.cat(pooled), torch.cat(logits) if logits else None)

    def _device(self) -> torch.device:
        return next((parameter.device for parameter in self.network.parameters()), torch.device("cpu"))
