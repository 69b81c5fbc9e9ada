"""Ctrl-C and SIGTERM: training saves a checkpoint and names the command that resumes it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from tiny import BATCH, final_bytes, simple_pictures, train_tiny

import imagewright as iw
from imagewright.training import signals as interruptions
from imagewright.training.reporting import Silent
from imagewright.training.signals import StopRequest, stop_on_signals
from imagewright.training.train import Stopped

STEPS = 12
OFTEN = {"steps": STEPS, "report_every": 5 * BATCH, "checkpoint_every": 4 * BATCH}


class SendSignal(Silent):
    """Sends this process a signal at a point of the training."""

    def __init__(self, number: int, images_seen: int) -> None:
        self.number, self.images_seen = number, images_seen

    def progressed(self, images_seen: int) -> None:
        if images_seen == self.images_seen:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("name", ["vae", "dcgan"])
@pytest.mark.parametrize(("number", "step"), [(signal.SIGINT, 7), (signal.SIGTERM, 4), (signal.SIGINT, 0)])
def test_a_stopped_run_is_saved_and_resumed_like_an_unbroken_one(
    name: str, number: int, step: int, tmp_path: Path
) -> None:
    unbroken = train_tiny(name, simple_pictures(), tmp_path / "unbroken" / "run", **OFTEN)
    out = tmp_path / "stopped" / "run"
    handler = signal.getsignal(number)
    with pytest.raises(Stopped) as error:
        train_tiny(name, simple_pictures(), out, reporter=SendSignal(number, step * BATCH), **OFTEN)
    assert error.value.exit_code == 130
    assert "resume" in str(error.value)
    assert signal.getsignal(number) == handler, "the former handler is not restored"
    run = iw.Run(out)
    assert run.checkpoints()[-1].images_seen == step * BATCH
    assert iw.load(run) is not None
    train_tiny(name, simple_pictures(), out, resume=True, **OFTEN)
    assert final_bytes(run) == final_bytes(unbroken)
    for key in ("images_seen", "losses", "derived_metrics", "learning_rates"):
        assert [line[key] for line in run.metrics()] == [line[key] for line in unbroken.metrics()], key


def test_stopped_before_the_first_report_it_shows_what_was_reached(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        train_tiny("dcgan", simple_pictures(), out, reporter=SendSignal(signal.SIGINT, 3 * BATCH), steps=STEPS)
    run = iw.Run(out)
    (report,) = run.metrics()
    assert (report["images_seen"], report["stopped"]) == (3 * BATCH, True)
    assert report["losses"].keys() == {"generator/adversarial", "discriminator/real", "discriminator/fake"}
    assert run.checkpoints()[-1].images_seen == 3 * BATCH
    assert (out / "samples" / f"{3 * BATCH:09d}.png").exists()
    assert f"{3 * BATCH:,}" in (out / "report.html").read_text()
    train_tiny("dcgan", simple_pictures(), out, resume=True, steps=STEPS)
    assert [line["images_seen"] for line in run.metrics()] == [STEPS * BATCH], "the extra report is in the way"
    assert {path.stem for path in (out / "samples").glob("*.png")} == {f"{seen:09d}" for seen in (0, STEPS * BATCH)}


def test_stopping_at_once_names_the_last_checkpoint(tmp_path: Path) -> None:
    class Interrupt(Silent):
        def progressed(self, images_seen: int) -> None:
            if images_seen == 7 * BATCH:
                raise KeyboardInterrupt

    with pytest.raises(Stopped, match=r"without saving.*\b32 images") as error:
        train_tiny("vae", simple_pictures(), tmp_path / "run", reporter=Interrupt(), **OFTEN)
    assert error.value.exit_code == 130
    assert [each.images_seen for each in iw.Run(tmp_path / "run").checkpoints()] == [32]


def test_the_message_names_what_resumes_the_training(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"Stopped and saved\. .*resume"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", reporter=SendSignal(signal.SIGINT, 16), **OFTEN)


def test_a_request_from_an_observer_stops_after_the_step_and_saves(tmp_path: Path) -> None:
    request = iw.StopRequest()

    class StopAtStep3(iw.Observer):
        every = BATCH

        def at(self, images_seen: int, report: object) -> None:
            request.asked = images_seen >= 3 * BATCH

    with pytest.raises(iw.Stopped):
        train_tiny("vae", simple_pictures(), tmp_path / "run", stop=request, observers=[StopAtStep3()], **OFTEN)
    assert [each.images_seen for each in iw.Run(tmp_path / "run").checkpoints()] == [3 * BATCH]


def test_observers_are_called_at_their_interval_and_receive_the_reports_that_are_due(tmp_path: Path) -> None:
    calls: list[object] = []

    class Recorder(iw.Observer):
        every = 4 * BATCH

        def begin(self, training: object) -> None:
            calls.append(("begin", training.images_seen))

        def at(self, images_seen: int, report: dict | None) -> None:
            calls.append((images_seen, None if report is None else report["images_seen"]))

        def end(self, images_seen: int) -> None:
            calls.append(("end", images_seen))

    options = OFTEN | {"steps": 10, "report_every": 5 * BATCH}
    train_tiny("vae", simple_pictures(), tmp_path / "run", observers=[Recorder()], **options)
    expected = [("begin", 0), (4 * BATCH, None), (8 * BATCH, None), (10 * BATCH, 10 * BATCH), ("end", 10 * BATCH)]
    assert calls == expected


def test_a_second_ctrl_c_stops_at_once_and_sigterm_never_does(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(interruptions.time, "monotonic", lambda: now)
    request = StopRequest()
    assert not request.asked
    request(signal.SIGTERM, None)
    assert request.asked
    now += 5
    request(signal.SIGTERM, None)
    with pytest.raises(KeyboardInterrupt):
        request(signal.SIGINT, None)


def test_a_ctrl_c_that_arrives_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(interruptions.time, "monotonic", lambda: now)
    request = StopRequest()
    request(signal.SIGINT, None)
    now += 0.1
    request(signal.SIGINT, None)
    assert request.asked


def test_in_another_thread_a_training_leaves_the_signal_handlers_alone(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    handlers: list[object] = []

    class NoteHandler(Silent):
        def progressed(self, images_seen: int) -> None:
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(
        target=train_tiny,
        args=("vae", simple_pictures(), tmp_path / "run"),
        kwargs={"reporter": NoteHandler(), "steps": 1},
    )
    thread.start()
    thread.join()
    assert handlers
    assert set(handlers) == {before}
    assert iw.Run(tmp_path / "run").checkpoints()


def test_the_former_handlers_are_restored_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def fail() -> None:
        with stop_on_signals():
            assert signal.getsignal(signal.SIGTERM) != before
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_closed_form_fit_is_interrupted_between_batches_and_can_be_started_again(tmp_path: Path) -> None:
    pictures = simple_pictures(600, (8, 8), 1)
    with pytest.raises(Stopped) as error:
        train_tiny("pca", pictures, tmp_path / "run", reporter=SendSignal(signal.SIGINT, 512))
    assert error.value.exit_code == 130
    run = train_tiny("pca", pictures, tmp_path / "run")
    assert iw.sample(run, 2).shape == (2, 1, 8, 8)
