"""Pictures that are more than once in a set of images, or in two sets, as the images show them.

`duplicates` reads the files of a source; here the pixels of opened images are compared, at their size, so that tools
that measure distances or accuracies can leave repeats out, or count them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imagewright.images.checks.groups import (
    PictureHashes,
    SharedPictures,
    equal_groups,
    near_groups,
    shared_pictures,
)
from imagewright.images.checks.perceptual_hashes import compute_hashes, is_flat, small_picture
from imagewright.images.decoding.formats import from_array
from imagewright.images.images import Images

READ_AT_ONCE = 512  # pictures


@dataclass(frozen=True)
class Repeats:
    """Which pictures of a set are repeats of an earlier one.

    Attributes:
        first: int64 (N,), for each picture the first picture that it equals, nearly or wholly: itself if there is none.
        first_equal: the same for pictures that are wholly equal.
        equal: pictures whose pixels equal those of an earlier one.
        near: pictures that look the same as an earlier one (resized, recompressed, brightened or slightly cropped).
        hashes: of all pictures, for `find_shared`.
    """

    first: np.ndarray
    first_equal: np.ndarray
    equal: int
    near: int
    hashes: PictureHashes

    @property
    def distinct(self) -> np.ndarray:
        """The pictures that are no repeats, int64, rising."""
        return np.flatnonzero(self.first == np.arange(len(self.first)))

    @property
    def count(self) -> int:
        """How many pictures are repeats."""
        return self.equal + self.near

    def described(self) -> str:
        """The counts in words, such as "3 exact and 7 near duplicates"."""
        return describe_repeats(self.equal, self.near)


def describe_repeats(equal: int, near: int) -> str:
    """Counts of repeats in words: "3 exact and 7 near duplicates", "1 near duplicate"."""
    parts = [f"{count:,} {kind}" for count, kind in ((equal, "exact"), (near, "near")) if count]
    return f"{' and '.join(parts) or 'no'} duplicate{'' if equal + near == 1 else 's'}"


def find_repeats(images: Images) -> Repeats:
    """The pictures of a set that are equal, or nearly equal, to an earlier one."""
    hashes = hash_images(images)
    equal = equal_groups(hashes)
    first = np.arange(len(images))
    for group in equal.groups:
        first[group] = group[0]
    first_equal = first.copy()
    near = near_groups(_Pixels(images), hashes, equal)
    for group in near.groups:
        first[group] = group[0]
    # A repeat of a picture that is itself nearly equal to an earlier one belongs to that one's group.
    return Repeats(first[first], first_equal, equal.count, near.count, hashes)


def find_shared(images: Images, others: Images, known: PictureHashes | None = None) -> SharedPictures:
    """The pictures of one set that are equal, or nearly equal, to one of another set of the same size and channels.

    known: the hashes of the other set, where they are there already.
    """
    return shared_pictures(_Pixels(images), hash_images(images), _Pixels(others), known or hash_images(others))


def hash_images(images: Images) -> PictureHashes:
    """Hashes of the pixels of each picture, from one pass over a set."""
    digests, hashes, flat = bytearray(), [], []
    for batch in images.batches(READ_AT_ONCE):
        pixels = _channels_last(batch.images.numpy())
        small = np.stack([small_picture(from_array(each, each.shape[2])) for each in pixels])
        hashes.append(compute_hashes(small))
        flat.append(is_flat(small))
        for each in pixels:
            digests += hashlib.blake2b(each.tobytes(), digest_size=16).digest()
    return PictureHashes(
        np.arange(len(images)),
        np.frombuffer(bytes(digests), np.uint64).reshape(-1, 2),
        np.concatenate(hashes),
        np.concatenate(flat),
    )


def _channels_last(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))


class _Pixels:
    """Opened images as a source of pixels (H, W, C), for the comparisons of `groups`."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def read(self, indices: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(indices), READ_AT_ONCE):
            yield from _channels_last(self._images.batch(indices[start : start + READ_AT_ONCE]).images.numpy())
