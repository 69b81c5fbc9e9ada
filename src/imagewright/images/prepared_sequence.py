"""What is known of a set of pictures before any is decoded: source, size, layers, and how they become pixels."""

from __future__ import annotations

from imagewright.images.cache.prepared import Prepared
from imagewright.images.layers import Layer
from imagewright.images.sequence import PictureSequence


class PreparedSequence(PictureSequence):
    """The properties of `Images` that follow from its source and its preprocessing."""

    _prepared: Prepared
    _flip: bool | None

    @property
    def source(self) -> str:
        """The source as the user named it."""
        return self._prepared.source.typed

    @property
    def drawn(self) -> bool:
        """Whether pictures are drawn at the size that is asked for, so that none is resized."""
        return self._prepared.source.drawn

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self._prepared.preprocessing.height

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self._prepared.preprocessing.width

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of each picture; a plain set has one, `Layer("image", channels)`."""
        return self._prepared.preprocessing.layers

    @property
    def channels(self) -> int:
        """Of `Batch.images`: 1 (grey), 3 (RGB) or 4 (RGBA)."""
        return self._prepared.preprocessing.channels

    @property
    def crop(self) -> str:
        """`centre`, `random` or `none`."""
        return self._prepared.preprocessing.crop

    @property
    def load_size(self) -> tuple[int, int]:
        """(height, width) that pictures are scaled to, of which random views are windows of `size`."""
        return self._prepared.preprocessing.canvas

    @property
    def load_size_given(self) -> bool:
        """Whether the load size was chosen, by itself or by `crop="random"`; if not, the recipe of a model may."""
        return self._prepared.preprocessing.load is not None or self.crop == "random"

    @property
    def most_channels(self) -> int:
        """The most channels of the pictures that were looked at; 1 if the channels were chosen by the caller."""
        return self._prepared.most_channels

    @property
    def decode(self) -> str:
        """`exact`, or `reduced` if large JPEGs are decoded at a reduced scale."""
        return self._prepared.preprocessing.decode

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The numbers that become 0 and 255, of pictures with more than 8 bits; None for 0 and 65,535."""
        return self._prepared.preprocessing.values

    @property
    def flip(self) -> bool:
        """Whether random views may be mirrored."""
        return bool(self._flip)

    @property
    def flip_given(self) -> bool:
        """Whether the user chose `flip`; if not, the recipe of a model may."""
        return self._flip is not None
