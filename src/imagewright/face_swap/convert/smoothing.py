"""Drawn faces averaged over the frames before and after, along the motion of the footage, so that they flicker less.

Bonneel et al. 2015, "Blind video temporal consistency", lets a processed video change over time as its footage does.
Here the window is symmetric, so that nothing lags, and a pixel of another frame counts by how well the footage's own
pixels agree there: a mouth that opens is not averaged with a closed one, nor anything across a cut.
Shape letters: S side of a drawn face, F side at which motion is computed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from imagewright.face_swap.convert.swapping import DrawnFace
from imagewright.face_swap.optical_flow import FlowMethod, open_flow, visible, warp_back
from imagewright.faces.crops import cut_square
from imagewright.faces.detail import LUMA
from imagewright.images.frame_planes import FootageFrame

REACH = 2  # frames before and after
SIDES = (64, 128)  # pixels: motion is computed at the side of the drawn face, but not at less or more
AGREEMENT = 4.0  # grey levels by which the footage differs where another frame counts by 1 / e
NOISE = 1.0  # sigma in pixels of the blur before frames are compared

DrawnFrame = tuple[FootageFrame, Mapping[int, DrawnFace]]  # a frame, and its drawn faces by their tracks


@dataclass(frozen=True, eq=False)
class _Link:
    """The motion between a face and the one before: flows (F, F, 2), and which pixels both frames show, (F, F).

    The first of each pair is from the face before to this one.
    """

    flows: tuple[np.ndarray, np.ndarray]
    seen: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class _Followed:
    """A drawn face, the footage's pixels there, and the motion since the frame before; None if a track begins."""

    drawn: DrawnFace
    grey: np.ndarray
    blurred: np.ndarray
    link: _Link | None


def smooth_over_time(frames: Iterable[DrawnFrame]) -> Iterator[DrawnFrame]:
    """The same frames, with each drawn face averaged over those of its track up to two frames before and after.

    Frames are passed on two frames late; memory does not grow. A frame depends on two frames before and after it alone.
    """
    flow = open_flow()
    waiting: deque[FootageFrame] = deque()
    window: deque[dict[int, _Followed]] = deque(maxlen=2 * REACH + 1)
    for frame, drawn in frames:
        before = window[-1] if window else {}
        window.append({track: _follow(frame, face, before.get(track), flow) for track, face in drawn.items()})
        waiting.append(frame)
        if len(waiting) > REACH:
            yield waiting.popleft(), _average(window, len(window) - 1 - len(waiting))
    while waiting:
        yield waiting.popleft(), _average(window, len(window) - 1 - len(waiting))


def _follow(frame: FootageFrame, drawn: DrawnFace, before: _Followed | None, flow: FlowMethod) -> _Followed:
    side = int(np.clip(len(drawn.mask), *SIDES))
    pixels = cut_square(frame.picture, drawn.square, side).astype(np.float32)
    grey = np.round(pixels @ LUMA).astype(np.uint8)
    blurred = gaussian_filter(pixels, (NOISE, NOISE, 0), truncate=3.0)
    if before is None:
        return _Followed(drawn, grey, blurred, None)
    onwards, back = flow.compute(before.grey, grey), flow.compute(grey, before.grey)
    return _Followed(drawn, grey, blurred, _Link((onwards, back), (visible(onwards, back), visible(back, onwards))))


def _average(window: Sequence[Mapping[int, _Followed]], place: int) -> dict[int, DrawnFace]:
    """The faces of the frame at a place of the window, averaged."""
    frames, made = list(window), {}
    for track, own in frames[place].items():
        layers, weights = _layers(own.drawn), np.ones((*own.drawn.mask.shape, 1), np.float32)
        for step, others in ((1, frames[place + 1 :]), (-1, frames[:place][::-1])):
            for moved, weight in _neighbours(own, [each.get(track) for each in others], step):
                layers += moved * weight
                weights += weight
        layers /= weights
        made[track] = replace(own.drawn, picture=layers[..., :3], mask=layers[..., 3])
    return made


def _neighbours(
    own: _Followed, faces: Sequence[_Followed | None], step: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The layers (S, S, 4) of faces on one side of a frame in time, moved to it, and their weights (S, S, 1).

    faces: from the nearest on.
    step: 1 for those after the frame, -1 for those before.
    """
    motion = np.zeros((*own.grey.shape, 2), np.float32)
    seen = np.ones(own.grey.shape, np.float32)
    last, side = own, len(own.drawn.mask)
    for face in faces:
        link = face.link if face is not None and step > 0 else last.link
        if face is None or link is None:
            return
        number = 0 if step > 0 else 1
        seen = seen * warp_back(link.seen[number], motion)
        motion = motion + warp_back(link.flows[number], motion)
        apart = np.abs(own.blurred - warp_back(face.blurred, motion)).mean(-1)
        weight = seen * np.exp(-np.square(gaussian_filter(apart, NOISE, truncate=3.0) / AGREEMENT))
        fine = _resize(motion, side) * np.float32(side / len(motion))
        yield warp_back(_layers(face.drawn), fine), _resize(weight[..., None], side)
        last = face


def _layers(drawn: DrawnFace) -> np.ndarray:
    """Colours and mask, (S, S, 4)."""
    return np.concatenate([drawn.picture, drawn.mask[..., None]], -1).astype(np.float32)


def _resize(values: np.ndarray, side: int) -> np.ndarray:
    """Values (F, F, C) as (S, S, C)."""
    if len(values) == side:
        return values
    channels = np.moveaxis(values, -1, 0).astype(np.float32)
    resized = [Image.fromarray(each).resize((side, side), Image.Resampling.BILINEAR) for each in channels]
    return np.stack([np.asarray(each) for each in resized], -1)
