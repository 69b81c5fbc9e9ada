"""Ctrl-C and SIGTERM: training saves, says how to go on, and loses nothing."""

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


class Signalling(Silent):
    """Sends this process a signal at a point of training."""

    def __init__(self, number: int, images_seen: int) -> None:
        self.number, self.images_seen = number, images_seen

    def progressed(self, images_seen: int) -> None:
        if images_seen == self.images_seen:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("name", ["vae", "dcgan"])
@pytest.mark.parametrize(("number", "step"), [(signal.SIGINT, 7), (signal.SIGTERM, 4), (signal.SIGINT, 0)])
def test_a_stopped_run_is_saved_and_ends_as_an_unbroken_one(name: str, number: int, step: int, tmp_path: Path) -> None:
    unbroken = train_tiny(name, simple_pictures(), tmp_path / "unbroken" / "run", **OFTEN)
    out = tmp_path / "stopped" / "run"
    handler = signal.getsignal(number)
    with pytest.raises(Stopped) as said:
        train_tiny(name, simple_pictures(), out, reporter=Signalling(number, step * BATCH), **OFTEN)
    assert said.value.exit_code == 130
    assert "resume" in str(said.value)
    assert signal.getsignal(number) == handler, "the signal is not given back"
    run = iw.Run(out)
    assert run.checkpoints()[-1].images_seen == step * BATCH
    assert iw.load(run) is not None
    train_tiny(name, simple_pictures(), out, resume=True, **OFTEN)
    assert final_bytes(run) == final_bytes(unbroken)
    for key in ("images_seen", "losses", "derived_metrics", "learning_rates"):
        assert [line[key] for line in run.metrics()] == [line[key] for line in unbroken.metrics()], key


def test_stopping_at_once_is_said_too(tmp_path: Path) -> None:
    class Impatient(Silent):
        def progressed(self, images_seen: int) -> None:
            if images_seen == 7 * BATCH:
                raise KeyboardInterrupt

    with pytest.raises(Stopped, match=r"at once, without saving\. The checkpoint at 32 images is saved") as said:
        train_tiny("vae", simple_pictures(), tmp_path / "run", reporter=Impatient(), **OFTEN)
    assert said.value.exit_code == 130
    assert [each.images_seen for each in iw.Run(tmp_path / "run").checkpoints()] == [32]


def test_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"Stopped and saved. Go on by the same"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", reporter=Signalling(signal.SIGINT, 16), **OFTEN)


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


def test_one_ctrl_c_that_arrives_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(interruptions.time, "monotonic", lambda: now)
    request = StopRequest()
    request(signal.SIGINT, None)
    now += 0.1
    request(signal.SIGINT, None)
    assert request.asked


def test_in_another_thread_signals_stay_as_they_are_and_training_works(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    class Looking(Silent):
        def progressed(self, images_seen: int) -> None:
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(
        target=train_tiny, args=("vae", simple_pictures(), tmp_path / "run"), kwargs={"reporter": Looking(), "steps": 1}
    )
    thread.start()
    thread.join()
    assert seen
    assert set(seen) == {before}
    assert iw.Run(tmp_path / "run").checkpoints()


def test_the_signals_are_given_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def fail() -> None:
        with stop_on_signals():
            assert signal.getsignal(signal.SIGTERM) != before
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_closed_form_fit_is_interrupted_between_batches_and_started_again(tmp_path: Path) -> None:
    pictures = simple_pictures(600, (8, 8), 1)
    with pytest.raises(Stopped) as said:
        train_tiny("pca", pictures, tmp_path / "run", reporter=Signalling(signal.SIGINT, 512))
    assert said.value.exit_code == 130
    run = train_tiny("pca", pictures, tmp_path / "run")
    assert iw.sample(run, 2).shape == (2, 1, 8, 8)
