"""The training loop: steps, and the observers that are due after them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any

from imagewright import distributed
from imagewright.errors import TrainingError
from imagewright.images import Batch
from imagewright.runs.run import STOPPED, TIME_OVER
from imagewright.training import device as devices
from imagewright.training import state
from imagewright.training.checkpointing import Checkpoints
from imagewright.training.data.feeds import build_readers
from imagewright.training.data.prefetch import prefetch
from imagewright.training.milestones import Every, is_due, plan_pace
from imagewright.training.observers import NotFinite, Observer, Report, Training
from imagewright.training.signals import StopRequest
from imagewright.training.timing import RateMeter, StepClock, TimeLimit

# Ranks agree on a stop only once in this many steps, because each agreement is an exchange between them; more often if
# steps are slow: `torchrun` waits half a minute for a process that is to end, and then kills it.
STEPS_BETWEEN_AGREEMENTS = 8
SECONDS_BETWEEN_AGREEMENTS = 2.0


class Loop:
    """One training, from its start or from a checkpoint, to its last image or a request to stop.

    training: the model and all that trains it.
    observers: called in this order.
    stop: checked before each step.
    limit: seconds that the user gave to the training; None if the user gave none.

    is_over: whether the training ended before its last image because that time was over.
    """

    def __init__(
        self, training: Training, observers: Sequence[Observer], stop: StopRequest, limit: float | None = None
    ) -> None:
        self.training, self.observers, self.stop, self.limit = training, observers, stop, limit
        self.clock = StepClock()
        self.is_over = False
        self.reported = 0  # images seen at the last report
        self.between_agreements = STEPS_BETWEEN_AGREEMENTS

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
        if training.pace is None and training.plan.images_per_second is not None:
            self._settle_pace(training.plan.images_per_second)
        self._pace_agreements(training.plan.images_per_second)
        meter, self.time = RateMeter(training.device), TimeLimit(training, self.limit)
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
                if training.pace is None and (rate := meter.measure(training.images_seen)) is not None:
                    self._settle_pace(rate)
                self._call_due_observers(before)
        finally:
            batches.close()
        if training.images_seen < training.total:
            self._report_stop()
        self._call(lambda observer: observer.end(training.images_seen), self.observers)
        training.reporter.finished(training.run)
        if self.is_over:
            self.time.tell_over()

    def _settle_pace(self, rate: float) -> None:
        """Choose when reports and checkpoints are due, and record it, so that a resumed training has the same ones.

        rate: images a second.
        """
        training = self.training
        parameters = sum(each.numel() for each in training.model.parameters())
        training.pace = plan_pace(
            rate,
            training.total,
            training.plan.batch_size,
            from_image=training.images_seen,
            checkpoint_bytes=4 * devices.COPIES * parameters,
        )
        self._record_plan(pace=dataclasses.asdict(training.pace))
        self._pace_agreements(rate)

    def _pace_agreements(self, rate: float | None) -> None:
        """Choose how often ranks agree on a stop, from the images a second, which are the same number on all ranks."""
        if rate is not None:
            steps = int(SECONDS_BETWEEN_AGREEMENTS * rate / self.training.plan.batch_size)
            self.between_agreements = max(1, min(STEPS_BETWEEN_AGREEMENTS, steps))

    def _lengthen(self, total: int) -> None:
        """Go on to another last image, and record it, so that a resumed training has the same one."""
        training = self.training
        training.plan = dataclasses.replace(training.plan, images_seen=total)
        training.engine.plan = training.engine.schedule.plan = training.plan
        training.total = math.ceil(total / training.plan.batch_size) * training.plan.batch_size  # whole steps
        self._record_plan(images_seen=total)
        training.reporter.lengthened(training.total)
        self.time.tell_longer()

    def _record_plan(self, **changes: Any) -> None:
        training = self.training
        if distributed.is_main():
            record = training.run.record
            changed = record | {"plan": (record.get("plan") or {}) | changes}
            training.save(lambda: training.run.rewrite(changed))

    def _report_stop(self) -> None:
        """Save, then report what was reached: losses, grid, and the doctor's examination.

        The report is marked, since the one that an unbroken training makes later counts the same steps.
        """
        seen = self.training.images_seen
        self._call(
            lambda observer: observer.end(seen), [each for each in self.observers if isinstance(each, Checkpoints)]
        )
        if self.reported < seen:
            self.clock.pause()
            report = self._make_report() | {STOPPED: True} | ({TIME_OVER: True} if self.is_over else {})
            reporting = [each for each in self.observers if each.paced == "reports"]
            self._call(lambda observer: observer.at(seen, report), reporting)

    def _batches(self) -> Generator[dict[str, Batch], None, None]:
        """The batches of each step from the present point on."""
        training = self.training
        order = None if training.resampler is None else training.resampler.order()
        schedule = training.engine.schedule
        readers = build_readers(
            training.model, training.sources, training.plan.seed, training.held_out, order, schedule.batch_sizes()
        )
        pin = training.device.type == "cuda"
        return prefetch(readers, schedule, training.images_seen, pin=pin)

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
        before = (line for line in run.reports() if line["images_seen"] <= training.images_seen)
        training.seconds = max((float(line.get("seconds", 0.0)) for line in before), default=0.0)
        distributed.barrier()
        if distributed.is_main():
            if (note := run.damage_note()) is not None:
                training.reporter.message(note)
            run.drop_after(training.images_seen)
        distributed.barrier()
        last = run.last_report()
        self.reported = 0 if last is None else int(last["images_seen"])
        if training.images_seen >= training.total:
            training.reporter.message(
                f"{run.path} is trained on {training.images_seen:,} images already: "
                "give more by --images-seen to train it on"
            )

    def _must_stop(self) -> bool:
        """Whether a stop was requested, or the time is over, on any rank."""
        if distributed.world_size() == 1:
            self.is_over = not self.stop.asked and self.time.is_over
        elif self.training.index % self.between_agreements:
            return False
        else:
            self.stop.asked = distributed.any_rank(self.stop.asked)
            if self.limit is not None:
                self.is_over = not self.stop.asked and distributed.any_rank(self.time.is_over)
        return self.stop.asked or self.is_over

    def _call_due_observers(self, before: int) -> None:
        """Make a report if one is due after the step that began at `before`, and call the observers that are due."""
        training = self.training
        seen, ended = training.images_seen, training.images_seen >= training.total

        def is_now(every: int | None, paced: str | None) -> bool:
            if every is None and paced is None:
                return False
            interval: Every | None = every if every is not None else getattr(training.pace, paced or "", None)
            return ended or (interval is not None and is_due(interval, before, seen))

        due = [observer for observer in self.observers if is_now(observer.every, observer.paced)]
        reports = is_now(training.options.report_every, "reports")
        if not due and not reports:
            return
        self.clock.pause()
        report = self._make_report() if reports else None
        self._call(lambda observer: observer.at(seen, report), due)
        distributed.wait_after_report()
        if reports and not ended:
            self.time.tell_delay()
            if (total := self.time.longer_total()) is not None:
                self._lengthen(total)
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
        self.reported = training.images_seen
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
