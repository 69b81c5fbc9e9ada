"""The loop: batches to the engine, and now and then a report, a grid, a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from imagewright import distributed
from imagewright.errors import RunError, TrainingError
from imagewright.images import Batch, Images
from imagewright.model import Model
from imagewright.runs.report.page import write_report
from imagewright.runs.run import Run
from imagewright.training import device as devices
from imagewright.training import previews as showcase
from imagewright.training import state as snapshots
from imagewright.training.data.prefetch import feed
from imagewright.training.data.rare_resampling import Resampler, strength_of
from imagewright.training.data.sampling_order import Order, order_of
from imagewright.training.data.validation_split import LeavingOut, choose
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.doctor.monitor import Watch
from imagewright.training.engine import Engine, Plan
from imagewright.training.options import TrainingOptions
from imagewright.training.plan_and_setting import CHECKPOINTS, REPORTS
from imagewright.training.reporting import Reporter
from imagewright.training.signals import StopRequest

if TYPE_CHECKING:
    from imagewright.training.evaluating import Evaluator

# Ranks agree on a stop only every so many steps: asking each time would cost an exchange a step.
STEPS_BETWEEN_AGREEMENTS = 8

# The page costs a few tenths of a second: a short training writes it at its end, a long one now and then too.
PAGE_SECONDS = 20.0


class Loop:
    """One training from its start, or from a checkpoint, to its last image or a wish to stop."""

    def __init__(
        self,
        model: Model,
        images: Images,
        run: Run,
        options: TrainingOptions,
        plan: Plan,
        device: torch.device,
        reporter: Reporter,
        stop: StopRequest,
    ) -> None:
        self.model, self.images, self.run, self.plan, self.device = model, images, run, plan, device
        self.reporter, self.stop, self.keep = reporter, stop, options.keep_checkpoints
        devices.prepare(model, device)
        self.engine = Engine(model, plan, device)
        if options.compile:
            for network in self.engine.networks.values():
                network.compile()
        self.total = math.ceil(plan.images_seen / plan.batch_size) * plan.batch_size
        self.report_every = options.report_every or self._share_of_total(REPORTS)
        self.checkpoint_every = options.checkpoint_every or self._share_of_total(CHECKPOINTS)
        self.index, self.images_seen, self.seconds = 0, 0, 0.0
        self._page_written = time.monotonic()
        self.held_out = choose(options.held_out, len(images), plan.seed)
        self.resampler = None
        if options.resample is not None:
            self.resampler = Resampler(strength_of(options.resample), model, images, plan.seed, self.held_out)
        self.evaluate_every = options.evaluate_every
        self.evaluator: Evaluator | None = None
        if self.evaluate_every is not None:
            distributed.first_on_main(lambda: self._open_evaluator(options))
        self.shown = self.doctor = None
        if distributed.is_main():
            self.shown = showcase.fixed_inputs(model, images, plan.seed)
            self.doctor = Watch(run, Examiner(model, images, self.held_out, plan.seed))

    def _share_of_total(self, parts: int) -> int:
        """A part of the training in whole batches, so that reports come at even distances."""
        return math.ceil(self.total / parts / self.plan.batch_size) * self.plan.batch_size

    def go(self, *, resume: bool) -> None:
        """Train. Leaves a checkpoint, a grid and the report page at where it ended."""
        if resume:
            self._resume()
        self.reporter.started(self.run, self.total)
        self.reporter.progressed(self.images_seen)
        if self.images_seen == 0:
            self._show()
            if self.resampler is not None:
                self.resampler.begin()
        self._clock, self._counted = time.monotonic(), self.images_seen
        batches = self._batches()
        try:
            while self.images_seen < self.total and not self._asked_to_stop():
                self.engine.step(next(batches), self.index, self.images_seen)
                before = self.images_seen
                self.index += 1
                self.images_seen += self.plan.batch_size
                self.reporter.progressed(self.images_seen)
                if self._resampled(before):
                    batches.close()
                    batches = self._batches()
                ended = self.images_seen >= self.total
                if ended or before // self.report_every != self.images_seen // self.report_every:
                    self._report()
                if ended or before // self.checkpoint_every != self.images_seen // self.checkpoint_every:
                    self._checkpoint(last=ended)
                every = self.evaluate_every
                if every is not None and (ended or before // every != self.images_seen // every):
                    self._evaluate()
        finally:
            batches.close()
        if self.images_seen < self.total:
            self._checkpoint(last=True)
        self.reporter.finished(self.run)

    def _batches(self) -> Generator[Batch, None, None]:
        """The batches from here on."""
        order: Order
        if self.resampler is not None:
            order = self.resampler.order()
        else:
            shown = len(self.images) - len(self.held_out)
            order = LeavingOut(order_of(shown, self.plan.seed, nearby=not self.images.cached), self.held_out)
        pin = self.device.type == "cuda"
        plan = self.plan
        return feed(self.images, order, plan.seed, self.images_seen, plan.batch_size, plan.rows, pin)

    def _resampled(self, before: int) -> bool:
        """Whether the weights of the images changed with the step just made."""
        if self.resampler is None:
            return False
        with self.engine.averages.in_place(self.model):
            return self.resampler.after(self.model, before, self.images_seen)

    def _resume(self) -> None:
        checkpoints = self.run.checkpoints()
        if not checkpoints:  # stopped before its first checkpoint: begin again, with the same seed
            if distributed.is_main():
                self.run.drop_after(-1)
            return
        checkpoint, wrong = self.run.latest(for_resume=True)
        for damage in wrong:
            self.reporter.message(f"{damage}: going on from the checkpoint at {checkpoint.images_seen:,} images")
        self.index, self.images_seen = snapshots.restore(checkpoint, self.engine, self.resampler)
        distributed.barrier()
        if distributed.is_main():
            self.run.drop_after(self.images_seen)
        earlier = self.run.metrics()
        self.seconds = float(earlier[-1]["seconds"]) if earlier else 0.0
        if self.doctor is not None:
            self.doctor.resume()
        if self.images_seen >= self.total:
            self.reporter.message(
                f"{self.run.path} is trained on {self.images_seen:,} images already: "
                "give more by --images-seen to train it on"
            )

    def _asked_to_stop(self) -> bool:
        if distributed.world_size() == 1:
            return self.stop.asked
        if self.index % STEPS_BETWEEN_AGREEMENTS == 0:
            self.stop.asked = distributed.any_rank(self.stop.asked)
            return self.stop.asked
        return False

    def _report(self) -> None:
        losses = self.engine.losses()
        now = time.monotonic()
        speed = (self.images_seen - self._counted) / max(now - self._clock, 1e-9)
        self.seconds += now - self._clock
        wrong = [name for name, value in losses.items() if not math.isfinite(value)]
        if wrong:
            raise self._broken(f"{', '.join(wrong)} became {losses[wrong[0]]}")
        line = self._line(losses) | {
            "images_per_second": round(speed, 1),
            "readings": self.model.readings(losses) | self._resampling_reading(),
        }
        if self.doctor is not None:
            new = self.doctor.report(line, self.engine)
            self._save(lambda: self.run.append_metrics(line))
            self._show()
            self.reporter.reported(line)
            for finding in new:
                self.reporter.message(f"doctor: {finding}")
        # What reporting took is not training: the figures are of the steps alone.
        self._clock, self._counted = time.monotonic(), self.images_seen

    def _line(self, losses: dict[str, float]) -> dict[str, Any]:
        return {
            "images_seen": self.images_seen,
            "seconds": round(self.seconds, 3),
            "losses": losses,
            "learning_rates": self.engine.rates(),
            "memory_bytes": devices.memory_bytes(self.device),
        }

    def _resampling_reading(self) -> dict[str, float]:
        return {} if self.resampler is None else {"resampling/effective share": self.resampler.effective_share}

    def _open_evaluator(self, options: TrainingOptions) -> None:
        from imagewright.training.evaluating import Evaluator  # few trainings need what it imports

        self.evaluator = Evaluator(self.model, self.images, self.run, options, self.device)

    def _evaluate(self) -> None:
        """Scores on the main rank, while the others wait; what it takes is not training either."""

        def evaluate() -> None:
            assert self.evaluator is not None
            evaluator = self.evaluator
            with self.engine.averages.in_place(self.model):
                scores = evaluator.evaluate(self.model, self.images_seen)
            self.reporter.message(scores)
            self._save(lambda: write_report(self.run.path))

        paused = time.monotonic()
        distributed.first_on_main(evaluate)
        self._clock += time.monotonic() - paused

    def _show(self) -> None:
        if self.shown is not None:
            shown = self.shown
            with self.engine.averages.in_place(self.model):
                self._save(lambda: showcase.draw(self.model, shown, self.run, self.images_seen))

    def _checkpoint(self, *, last: bool) -> None:
        wrong = [name for name, total in self.engine.sums.items() if not math.isfinite(total.item())]
        if wrong:
            raise self._broken(f"{', '.join(wrong)} became no number")
        self.engine.synchronise_buffers()
        if distributed.is_main():
            try:
                self._save(lambda: snapshots.save(self.run, self.engine, self.resampler, self.index, self.images_seen))
            except TrainingError as error:
                raise self._broken(str(error)) from None
            self.run.prune(self.keep)
            if last or time.monotonic() - self._page_written > PAGE_SECONDS:
                self._save(lambda: write_report(self.run.path))
                self._page_written = time.monotonic()
        distributed.barrier()

    def _save(self, write: Any) -> None:
        """A write that fails ends training, and says what is kept."""
        try:
            write()
        except RunError as error:
            raise RunError(f"{error} {self.run.what_is_kept()}") from error

    def _broken(self, what: str) -> TrainingError:
        self._report_breakdown()
        return TrainingError(
            f"Training broke down before {self.images_seen:,} images: {what}. Try a lower --learning-rate (now "
            f"{self.plan.learning_rate:g}), --clip 1, --warmup 10k or --precision fp32. {self.run.what_is_kept()}"
        )

    def _report_breakdown(self) -> None:
        """Leave in the run what went wrong, where it has reported before: one that has not is removed."""
        if self.doctor is not None and self.doctor.lines:
            line = self._line({})
            for finding in self.doctor.breakdown(line, self.engine):
                self.reporter.message(f"doctor: {finding}")
            with suppress(RunError):  # the breakdown is what the user must hear of
                self.run.append_metrics(line)
                write_report(self.run.path)
