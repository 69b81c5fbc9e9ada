"""The training loop: steps, and the observers that are due after them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

from imagewright import distributed
from imagewright.errors import TrainingError
from imagewright.images import Batch
from imagewright.training import device as devices
from imagewright.training import state
from imagewright.training.checkpointing import Checkpoints
from imagewright.training.data.feeds import build_readers
from imagewright.training.data.prefetch import prefetch
from imagewright.training.observers import NotFinite, Observer, Report, Training
from imagewright.training.signals import StopRequest

# Ranks agree on a stop only once in this many steps, because each agreement is an exchange between them.
STEPS_BETWEEN_AGREEMENTS = 8


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


class Loop:
    """One training, from its start or from a checkpoint, to its last image or a request to stop.

    training: the model and all that trains it.
    observers: called in this order.
    report_every: images between two reports.
    stop: checked before each step.
    """

    def __init__(self, training: Training, observers: Sequence[Observer], report_every: int, stop: StopRequest) -> None:
        self.training, self.observers, self.report_every, self.stop = training, observers, report_every, stop
        self.clock = StepClock()

    def train(self, *, resume: bool) -> None:
        """Train to the end, or until a stop is requested. `resume`: start from the run's latest checkpoint.

        Raises `TrainingError` if the training diverges.
        """
        training = self.training
        if resume:
            self._resume()
        training.reporter.started(training.run, training.total)
        training.reporter.progressed(training.images_seen)
        if training.images_seen == 0 and training.resampler is not None:
            training.resampler.initialise()
        for observer in self.observers:
            observer.begin(training)
        distributed.wait_after_report()  # observers of the main rank alone may have begun with long work
        batches = self._batches()
        self.clock.start(training.images_seen)
        try:
            while training.images_seen < training.total and not self._must_stop():
                before = training.images_seen
                training.engine.step(next(batches), training.index, before)
                training.index += 1
                training.images_seen += training.engine.schedule.batch_size(before)
                training.reporter.progressed(training.images_seen)
                if self._update_resampler(before):
                    batches.close()
                    batches = self._batches()
                self._call_due_observers(before)
        finally:
            batches.close()
        self._call(lambda observer: observer.end(training.images_seen), self.observers)
        training.reporter.finished(training.run)

    def _batches(self) -> Generator[dict[str, Batch], None, None]:
        """The batches of each step from the present point on."""
        training = self.training
        order = None if training.resampler is None else training.resampler.order()
        readers = build_readers(training.model, training.sources, training.plan.seed, training.held_out, order)
        pin = training.device.type == "cuda"
        return prefetch(readers, training.engine.schedule, training.images_seen, pin=pin)

    def _update_resampler(self, before: int) -> bool:
        """Whether the sampling weights of the images changed after the step that began at `before`."""
        training = self.training
        if training.resampler is None:
            return False
        with training.engine.averages.in_place(training.model):
            return training.resampler.update(training.model, before, training.images_seen)

    def _resume(self) -> None:
        training = self.training
        run = training.run
        if not run.checkpoints():  # stopped before its first checkpoint: start again, with the same seed
            if distributed.is_main():
                run.drop_after(-1)
            return
        checkpoint, damages = run.latest(for_resume=True)
        for damage in damages:
            training.reporter.message(f"{damage}: resuming from the checkpoint at {checkpoint.images_seen:,} images")
        state.restore_checkpoint(checkpoint, training)
        distributed.barrier()
        if distributed.is_main():
            if (note := run.damage_note()) is not None:
                training.reporter.message(note)
            run.drop_after(training.images_seen)
        earlier = run.metrics()
        training.seconds = float(earlier[-1].get("seconds", 0)) if earlier else 0.0
        if training.images_seen >= training.total:
            training.reporter.message(
                f"{run.path} is trained on {training.images_seen:,} images already: "
                "give more by --images-seen to train it on"
            )

    def _must_stop(self) -> bool:
        """Whether a stop was requested, on any rank."""
        if distributed.world_size() == 1:
            return self.stop.asked
        if self.training.index % STEPS_BETWEEN_AGREEMENTS == 0:
            self.stop.asked = distributed.any_rank(self.stop.asked)
            return self.stop.asked
        return False

    def _call_due_observers(self, before: int) -> None:
        """Make a report if one is due after the step that began at `before`, and call the observers that are due."""
        seen, ended = self.training.images_seen, self.training.images_seen >= self.training.total

        def is_due(every: int | None) -> bool:
            return every is not None and (ended or before // every != seen // every)

        due = [observer for observer in self.observers if is_due(observer.every)]
        reports = is_due(self.report_every)
        if not due and not reports:
            return
        self.clock.pause()
        report = self._make_report() if reports else None
        self._call(lambda observer: observer.at(seen, report), due)
        distributed.wait_after_report()
        self.clock.resume()

    def _call(self, call: Callable[[Observer], None], observers: Sequence[Observer]) -> None:
        for observer in observers:
            try:
                call(observer)
            except NotFinite as error:
                raise self._divergence_error(str(error)) from None
            except Exception:
                self._save_after_failure_of(observer)
                raise

    def _save_after_failure_of(self, failed: Observer) -> None:
        """Save a checkpoint, so that the steps before the failure of an observer are not lost.

        Not with several ranks: the others do not know of it, and saving needs them all.
        """
        for observer in self.observers:
            if isinstance(observer, Checkpoints) and observer is not failed and distributed.world_size() == 1:
                with suppress(Exception):  # the failure that is being raised counts
                    observer.end(self.training.images_seen)

    def _make_report(self) -> Report:
        training = self.training
        losses = training.engine.losses()
        seconds, speed = self.clock.take(training.images_seen)
        training.seconds += seconds
        wrong = [name for name, value in losses.items() if not math.isfinite(value)]
        if wrong:
            raise self._divergence_error(f"{', '.join(wrong)} became {losses[wrong[0]]}")
        derived = training.model.derived_metrics(losses)
        if training.resampler is not None:
            derived["resampling/effective share"] = training.resampler.effective_share
        return self._base_report(losses) | {"images_per_second": round(speed, 1), "derived_metrics": derived}

    def _base_report(self, losses: dict[str, float]) -> Report:
        training = self.training
        return {
            "images_seen": training.images_seen,
            "seconds": round(training.seconds, 3),
            "losses": losses,
            "learning_rates": training.engine.learning_rates(),
            "memory_bytes": devices.peak_memory(training.device),
        }

    def _divergence_error(self, what: str) -> TrainingError:
        """Tell the observers, and return the error that ends the training."""
        training = self.training
        for observer in self.observers:
            observer.diverged(self._base_report({}))
        return TrainingError(
            f"Training diverged before {training.images_seen:,} images: {what}. Try a lower --learning-rate (now "
            f"{training.plan.learning_rate:g}), --clip 1, --warmup 10k or --precision fp32. "
            f"{training.run.resume_note()}"
        )
