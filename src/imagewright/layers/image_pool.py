"""A pool of past fakes, of which discriminators get some instead of new ones.

Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; Zhu et al. 2017, arXiv:1703.10593, section 4: 50 images.
Shape letters: N batch, C H W image, P pool.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagewright.phases import Step
from imagewright.pixels import to_float, to_uint8


class ImagePool(nn.Module):
    """The last fakes, as uint8. While it is not full, a new fake is kept and returned; then half of the time an old one
    is returned and replaced by the new one.

    All ranks hold the same pool: they see the fakes of the global batch, and decide by draws for the whole batch.

    size: P; 0: every fake is returned.
    shape: (C, H, W).
    """

    images: Tensor
    filled: Tensor

    def __init__(self, size: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape, dtype=torch.uint8))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def forward(self, step: Step, fakes: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1]: the fakes of this rank's rows, some replaced."""
        if not self.size:
            return fakes
        gathered, own = step.gather(fakes)
        everywhere = to_uint8(gathered)
        replaced, places = step.draws.whole(len(everywhere)) < 0.5, step.draws.whole(len(everywhere))
        chosen = []
        for fake, is_old, place in zip(everywhere, replaced, places, strict=True):
            chosen.append(self._exchange(fake, is_old, place))
        return to_float(torch.stack(chosen)[own])

    def _exchange(self, fake: Tensor, is_old: Tensor, place: Tensor) -> Tensor:
        """The fake, or one of the pool. Nothing here waits for the device.

        is_old, place: bool and float in [0, 1), without dimensions: whether a full pool gives an old one, and which.
        """
        is_full = self.filled >= self.size
        takes_old = is_full & is_old.to(is_full.device)
        slot = torch.where(is_full, (place.to(is_full.device) * self.size).long(), self.filled)[None]
        old = self.images.index_select(0, slot)[0]
        kept = torch.where(takes_old | ~is_full, fake, old)
        self.images.index_copy_(0, slot, kept[None])
        self.filled.add_(~is_full)
        return torch.where(takes_old, old, fake)
