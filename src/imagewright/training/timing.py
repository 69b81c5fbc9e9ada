"""Clocks of a training: seconds in steps, the rate of the first steps, and the time that the user gave."""

from __future__ import annotations

import time

import torch

from imagewright import distributed
from imagewright.counts import minutes_text
from imagewright.training import device as devices
from imagewright.training.observers import Training
from imagewright.training.plan import FEWEST_STEPS, is_scheduled
from imagewright.training.planning import SHARE_OF_STEPS, describe_end, images_in
from imagewright.training.reporting import describe_rate

RATE_STEPS = 8  # after which the rate is measured, or after two slow ones
SLOW_STEP = 0.25  # seconds
GRACE = 1.1  # times the seconds that the user gave, at which a training without a schedule of its own ends
SLOWER, LATER = 1.15, 30.0  # a new end is told if what is left takes this much longer, and ends these seconds later
FASTER = 1.15  # a training is made longer if there is time for this many times the images that were planned
TELLING = 10.0  # seconds of steps, before which no end is told


class StepClock:
    """Measures the seconds spent in steps; it is paused while observers are called."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._spent, self._counted_from = 0.0, 0

    def start(self, images_seen: int) -> None:
        """Measure from here on."""
        self._spent, self._counted_from = 0.0, images_seen
        self.resume()

    def resume(self) -> None:
        """Go on measuring."""
        self._since = time.monotonic()

    def pause(self) -> None:
        """Stop measuring until `resume`."""
        if self._since is not None:
            self._spent += time.monotonic() - self._since
            self._since = None

    def take(self, images_seen: int) -> tuple[float, float]:
        """Seconds in steps since the last call, and images a second in them. Call it while paused."""
        seconds, images = self._spent, images_seen - self._counted_from
        self._spent, self._counted_from = 0.0, images_seen
        return seconds, images / max(seconds, 1e-9)


class RateMeter:
    """Measures the images a second of the first steps of a training, the same on all ranks.

    device: of the training.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.steps = 0

    def measure(self, images_seen: int) -> float | None:
        """Images a second, once enough steps were made; else None. Call it after each step, until it returns a rate."""
        self.steps += 1
        if self.steps == 1:  # the first one prepares much
            devices.synchronise(self.device)
            self._since, self._from = time.monotonic(), images_seen
        if self.steps not in (2, RATE_STEPS):
            return None
        devices.synchronise(self.device)
        images = images_seen - self._from
        rate = torch.tensor([images / max(time.monotonic() - self._since, 1e-9)], dtype=torch.float64)
        rate = distributed.broadcast_from_main(rate)
        return None if self.steps == 2 and images / float(rate) < SLOW_STEP else float(rate)


class TimeLimit:
    """The end of a training: planned, expected, and at the latest.

    limit: seconds that the user gave from now on; None if the user gave none.
    """

    def __init__(self, training: Training, limit: float | None) -> None:
        self.training, self.limit = training, limit
        self.started, self.first = time.monotonic(), training.images_seen
        self.may_stop = training.plan.schedule in ("recipe", "constant") and not is_scheduled(training.model)
        rate = training.plan.images_per_second
        self.told = None if rate is None else (training.total - self.first) / rate / SHARE_OF_STEPS
        self.said_few = training.total < FEWEST_STEPS * training.plan.batch_size

    @property
    def is_over(self) -> bool:
        """Whether the user's time is over, and the training may end anywhere, since nothing in it is scheduled."""
        return self.may_stop and self.limit is not None and time.monotonic() - self.started > GRACE * self.limit

    def tell_delay(self) -> None:
        """Tell the user when the training ends, if that is clearly later than was told. Call it at reports."""
        elapsed, images = time.monotonic() - self.started, self.training.images_seen - self.first
        if self.told is None or elapsed < TELLING or not images:
            return
        left = (self.training.total - self.training.images_seen) * elapsed / images
        if elapsed + left < max(SLOWER * self.told, self.told + LATER):
            return
        later, self.told = elapsed + left - self.told, elapsed + left
        end = f"until about {describe_end(left)}, {_duration(later)} later than said before"
        if self.may_stop and self.limit is not None and elapsed + left > GRACE * self.limit:
            end = f"it ends by {describe_end(GRACE * self.limit - elapsed)} with fewer images than planned"
        self.training.reporter.message(
            f"slower than measured: {describe_rate(images / elapsed)} images a second; {end}"
        )

    def longer_total(self) -> int | None:
        """The images seen at an end that uses the user's time, if that is clearly later than planned; else None.

        The same on all ranks. Call it at reports.
        """
        if not self.may_stop or self.limit is None:
            return None
        elapsed, seen = time.monotonic() - self.started, self.training.images_seen
        total = 0
        if elapsed >= TELLING:
            rate = (seen - self.first) / elapsed
            total = seen + images_in(max(0.0, self.limit - elapsed), rate, self.training.plan.batch_size)
        total = int(distributed.broadcast_from_main(torch.tensor([total], dtype=torch.int64)))
        return total if total > FASTER * self.training.total else None

    def tell_longer(self) -> None:
        """Tell the user that the training was made longer, and when it ends."""
        elapsed, seen, total = time.monotonic() - self.started, self.training.images_seen, self.training.total
        rate = (seen - self.first) / max(elapsed, 1e-9)
        left = (total - seen) / max(rate, 1e-9)
        self.told = elapsed + left
        steps = total // self.training.plan.batch_size
        # The number of steps replaces the one that was called few before.
        still = "which are still few" if steps < FEWEST_STEPS else "enough after all"
        counted = f" in {steps:,} steps, {still}" if self.said_few else ""
        self.said_few = self.said_few and steps < FEWEST_STEPS
        self.training.reporter.message(
            f"faster than measured: {describe_rate(rate)} images a second; {total:,} images{counted}, until about "
            f"{describe_end(left)}"
        )

    def tell_over(self) -> None:
        """Tell the user that the time was over before the last image."""
        training = self.training
        self.training.reporter.message(
            f"the time is over: {training.images_seen:,} of {training.total:,} images are seen, and saved; the same "
            "command with --resume trains on the others (resume=True)"
        )


def _duration(seconds: float) -> str:
    return minutes_text(round(seconds / 60)) if seconds >= 90 else f"{seconds:.0f} seconds"
