"""The tiles of one picture through a network in step, so that its norms take the moments of the whole picture.

Each tile has a thread, and one thread runs at a time. It runs up to the next norm and waits there; when all tiles wait,
their moments are those of the picture, and the tiles go on to the norm after it. Networks without such norms never
wait. The tiles that wait need memory, so only some of a very large picture, spread over it, are carried in step: the
others take the moments that these found. Shape letters: C channels, h w a tile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from imagewright.layers.picture_moments import AT_ONCE, Moments, given_moments, weighted_moments
from imagewright.pixels import to_float

MOST_PIXELS = 2**24  # of all tiles in step
MOST_TILES = 64
SPARE = 2**29  # bytes: waiting maps of one layer that together need more are kept in half precision


@dataclass(frozen=True)
class Tile:
    """Pixels uint8 (1, C, h, w); the weights of its rows (h,) and columns (w,), float64, are those of its pixels."""

    pixels: Tensor
    rows: Tensor
    columns: Tensor


def tiles_in_step(
    function: Callable[[Tensor], Tensor],
    tiles: Sequence[Tile],
    *,
    most_pixels: int = MOST_PIXELS,
    spare: int = SPARE,
) -> Iterator[Tensor]:
    """`function` of the pixels, as floats in [-1, 1], of each tile, with the moments of all tiles in its norms.

    tiles: of one picture and of one size, with weights that add up to 1 at every pixel of it.
    """
    if len(tiles) == 1:
        yield function(to_float(tiles[0].pixels))
        return
    height, width = tiles[0].pixels.shape[-2:]
    count = min(len(tiles), MOST_TILES, max(2, most_pixels // (height * width)))
    chosen = _spread(len(tiles), count)
    step = _Step(function, [tiles[index] for index in chosen], spare)
    made = dict(zip(chosen, step.run(), strict=True))
    for index, tile in enumerate(tiles):
        if index in made:
            yield made.pop(index)
        else:
            found = iter(step.moments)
            with given_moments(lambda _, found=found: next(found)):  # type: ignore[misc]
                yield function(to_float(tile.pixels))


def _spread(total: int, count: int) -> list[int]:
    """`count` of `total` places: one of each equal part, at random, so that they are not all of the same columns."""
    starts = [index * total // count for index in range(count + 1)]
    draws = torch.rand(count, generator=torch.Generator().manual_seed(0)).tolist()
    return [start + int(draw * (end - start)) for start, end, draw in zip(starts, starts[1:], draws, strict=False)]


class _Step:
    """Tiles that are carried in step. `moments`: those of each norm, in the order in which they were met."""

    def __init__(self, function: Callable[[Tensor], Tensor], tiles: Sequence[Tile], spare: int) -> None:
        self.moments: list[Moments] = []
        self._runners = [_Runner(function, tile, spare // len(tiles)) for tile in tiles]

    def run(self) -> list[Tensor]:
        """The result of each tile."""
        try:
            running = self._runners
            while running:
                for runner in running:
                    runner.go_on()
                running = [runner for runner in running if runner.result is None]
                if running:
                    self.moments.append(_combine([runner.found for runner in running]))
                    for runner in running:
                        runner.given = self.moments[-1]
        finally:
            for runner in self._runners:
                runner.cancel()
        return [runner.result for runner in self._runners if runner.result is not None]


@dataclass(frozen=True)
class _Found:
    """What a tile contributes to the moments of a norm: its own, and its part of the picture."""

    moments: Moments
    weight: float


def _combine(found: list[_Found]) -> Moments:
    """The moments of all tiles together, summed in float64 (Chan, Golub & LeVeque 1983)."""
    weights = torch.tensor([each.weight for each in found], dtype=torch.float64)
    weights /= weights.sum()
    means, variances = (torch.stack([each.moments[which] for each in found]) for which in (0, 1))
    mean = weights @ means
    variance = weights @ (variances + (means - mean).square())
    return mean.float(), variance.float()


class _Cancelled(BaseException):
    """Ends the thread of a tile that waits."""


class _Runner:
    """The thread of one tile. `go_on` returns when it waits at a norm or has its `result`, and raises its errors."""

    def __init__(self, function: Callable[[Tensor], Tensor], tile: Tile, spare: int) -> None:
        self.result: Tensor | None = None
        self.found: _Found
        self.given: Moments
        self._function, self._tile, self._spare = function, tile, spare
        self._error: BaseException | None = None
        self._cancelled = False
        self._turn, self._pause = threading.Semaphore(0), threading.Semaphore(0)
        self._inference = torch.is_inference_mode_enabled()  # each thread has a mode of its own
        self._thread = threading.Thread(target=self._run, daemon=True)

    def go_on(self) -> None:
        if self._thread.ident is None:
            self._thread.start()
        self._turn.release()
        self._pause.acquire()
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """End the thread; what it computes now it finishes first."""
        self._cancelled = True
        if self._thread.ident is not None:
            self._turn.release()
            self._thread.join()

    def _run(self) -> None:
        self._turn.acquire()
        try:
            with torch.inference_mode(self._inference), given_moments(self._wait_at_norm):
                self.result = self._function(to_float(self._tile.pixels))
        except _Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 (raised again by `go_on`)
            self._error = error
        finally:
            self._pause.release()

    def _wait_at_norm(self, maps: Tensor) -> Moments:
        rows, columns = (_at_size(each, side) for each, side in zip(self._weights, maps.shape[-2:], strict=True))
        moments = weighted_moments(maps, rows, columns)
        self.found = _Found(moments, float(rows.mean() * columns.mean()))
        with _parked(maps, moments) if maps.nbytes > self._spare else _as_it_is():
            self._pause.release()
            self._turn.acquire()
            if self._cancelled:
                raise _Cancelled
        return self.given

    @property
    def _weights(self) -> tuple[Tensor, Tensor]:
        return self._tile.rows, self._tile.columns


def _at_size(weights: Tensor, side: int) -> Tensor:
    """Weights of pixels as weights of the places of a map: means over as many pixels."""
    return functional.adaptive_avg_pool1d(weights[None, None], side)[0, 0]


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


@contextmanager
def _parked(maps: Tensor, moments: Moments) -> Iterator[None]:
    """Within the block, maps (1, C, H, W) lie in half precision in place of float32.

    They are in units of their standard deviation from their mean, so that no value is too large for half precision. The
    caller holds `maps` while it waits, so its memory is taken away and given back. Maps in other memory than their own
    stay as they are.
    """
    memory = maps.untyped_storage()
    if maps.dtype != torch.float32 or memory.nbytes() != maps.nbytes:
        yield
        return
    size = memory.nbytes()
    means, deviations = (
        each.to(maps.device, maps.dtype)[:, None, None] for each in (moments[0], (moments[1] + 1e-12).sqrt())
    )
    halves = torch.empty_like(maps, dtype=torch.float16)
    parts = [slice(start, start + AT_ONCE) for start in range(0, maps.shape[1], AT_ONCE)]
    for part in parts:
        halves[0, part] = (maps[0, part] - means[part]) / deviations[part]
    memory.resize_(0)
    try:
        yield
    finally:
        memory.resize_(size)
        for part in parts:
            maps[0, part] = halves[0, part] * deviations[part] + means[part]
