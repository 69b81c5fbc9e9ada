"""A torch module as a feature network: preprocessing of pictures, and evaluation in blocks of one size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from imagewright.pretrained.features.contract import About, Features
from imagewright.pretrained.resizing import resize_images

BLOCK = 4  # on a CPU: measured, larger blocks are no faster for large networks, and cost memory
BLOCK_OF_DEVICES = 64


class ModuleFeatures(nn.Module):
    """A feature network from a module.

    about: what decides the features.
    network: from float32 pictures to `Features`.
    scale: from pictures in 0..255 to the network's range.
    block: pictures in one call of `network` on a CPU.
    stateless: whether calls of `network` leave no state in it.

    Matrix products round differently for different batch sizes. Blocks have one size, the last one padded, so that a
    picture's features do not depend on the number of pictures.
    """

    def __init__(
        self,
        about: About,
        network: nn.Module,
        scale: Callable[[Tensor], Tensor],
        *,
        block: int = BLOCK,
        stateless: bool = True,
    ) -> None:
        super().__init__()
        self._about, self.scale, self.block, self.stateless = about, scale, block, stateless
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def about(self) -> About:
        """What decides the features."""
        return self._about

    @property
    def concurrent(self) -> bool:
        """Whether threads may call `extract` concurrently."""
        return self.stateless and self._device().type == "cpu"

    def prepare(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) as float32 at the network's size, channels and range."""
        size = self.about.size or (images.shape[2], images.shape[3])
        resized = resize_images(images, size, self.about.resize, channels=self.about.channels)
        return self.scale(resized).contiguous(memory_format=torch.channels_last)

    def extract(self, prepared: Tensor) -> Features:
        """The features, moved to the CPU; computed on the device of the weights."""
        device = self._device()
        block = self.block if device.type == "cpu" else max(self.block, BLOCK_OF_DEVICES)
        pooled, logits = [], []
        # TF32 has 10 bits of mantissa: its features, and so its scores, would differ from those of a CPU.
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
