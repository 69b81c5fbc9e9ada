"""Scores during training, and evaluation on several ranks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny import BATCH, Messages, simple_pictures, train_tiny
from workers import evaluate_as_rank, ranks

import imagewright as iw
from imagewright.errors import UserError
from imagewright.runs.scores import read_scores

EVERY = {
    "evaluate_every": 2 * BATCH,
    "evaluate_features": "random",
    "evaluate_metrics": "fd:interval=false",
    "evaluate_count": 16,
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))


def test_scores_are_computed_at_the_given_interval_and_are_in_log_and_report(tmp_path: Path) -> None:
    messages = Messages()
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=5, reporter=messages, **EVERY)
    assert [score.images_seen for score in read_scores(run.path)] == [2 * BATCH, 4 * BATCH, 5 * BATCH]
    assert sum(text.startswith("scores at ") for text in messages.texts) == 3
    assert "Frechet distance" in (run.path / "report.html").read_text()


def test_the_last_score_equals_that_of_the_finished_run(tmp_path: Path) -> None:
    pictures = iw.open_images(simple_pictures())
    run = train_tiny("vae", pictures, tmp_path / "run", **EVERY)
    last = read_scores(run.path)[-1]
    again = iw.evaluate(run, pictures, metrics=["fd:interval=false"], features="random", count=16, save=False)
    assert again.scores[0].value == last.value
    assert again.scores[0].key == last.key


def test_weights_are_the_same_with_and_without_scores(tmp_path: Path) -> None:
    plain = train_tiny("dcgan", simple_pictures(), tmp_path / "plain")
    scored = train_tiny("dcgan", simple_pictures(), tmp_path / "scored", **EVERY)
    one, other = (run.checkpoints()[-1].weights.read_bytes() for run in (plain, scored))
    assert one == other


@pytest.mark.learning
def test_a_resumed_run_has_the_scores_of_an_uninterrupted_one(tmp_path: Path) -> None:
    options = EVERY | {"checkpoint_every": 2 * BATCH, "report_every": BATCH}
    whole = train_tiny("vae", simple_pictures(), tmp_path / "whole", steps=6, **options)
    part = train_tiny("vae", simple_pictures(), tmp_path / "part", steps=5, **options)
    part.checkpoints()[-1].weights.unlink()  # as after a kill between the score at step 5 and its checkpoint
    train_tiny("vae", simple_pictures(), tmp_path / "part", steps=6, resume=True, **options)
    ours, theirs = ([(s.images_seen, s.value) for s in read_scores(run.path)] for run in (whole, part))
    assert ours == theirs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"evaluate_metrics": "fdd"}, "Did you mean 'fd'"),
        ({"evaluate_features": "pixls"}, "Did you mean 'pixels'"),
        ({"evaluate_against": "nowhere/at/all"}, "nowhere"),
    ],
)
def test_scores_that_cannot_be_computed_are_refused_before_training(
    options: dict[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        train_tiny("vae", simple_pictures(), tmp_path / "run", **EVERY | options)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_model_that_does_not_sample_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot sample new pictures"):
        train_tiny("autoencoder", simple_pictures(), tmp_path / "run", **EVERY)


@pytest.mark.learning
def test_two_ranks_find_the_scores_of_one(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run")
    metrics = {"metrics": ["fd", "kd"], "features": "random", "count": 100, "reference_count": 100}
    alone = iw.evaluate(run, "digits", save=False, **metrics)
    processes = ranks(evaluate_as_rank, 2, run.path, tmp_path / "other-cache", tmp_path, **metrics)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    found = json.loads((tmp_path / "scores-0.json").read_text())
    assert found == [score.value for score in alone.scores]
    assert json.loads((tmp_path / "scores-1.json").read_text()) == []
    assert [score.value for score in read_scores(run.path)] == found
