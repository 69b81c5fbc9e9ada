"""A training planned before it is started: what is said beforehand is what is then used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_ranks import exit_codes
from tiny import Messages, simple_pictures, tiny_images, tiny_options
from workers import plan_as_rank, ranks

import imagewright as iw
from imagewright.cli.app import app
from imagewright.errors import ConfigError
from imagewright.training import trial


@pytest.fixture(autouse=True)
def quick_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS", 0.01)


def test_the_plan_is_what_the_training_then_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = tiny_options("dcgan") | {"images_seen": 64, "batch_size": 8, "precision": "fp32", "device": "cpu"}
    plan = iw.plan_training("dcgan", simple_pictures(), **options)
    assert list(tmp_path.iterdir()) == []  # no run
    run = iw.train("dcgan", simple_pictures(), tmp_path / "run", reporter=Messages(), **options)
    used = run.last_report()["memory_bytes"]  # type: ignore[index]
    assert plan.memory_bytes == pytest.approx(used, rel=0.2)
    assert (plan.images_seen, plan.batch_size, plan.precision) == (64, 8, "fp32")
    assert plan.size == tuple(run.record["config"]["size"])
    assert plan.seconds == pytest.approx(64 / plan.images_per_second / 0.9)  # type: ignore[operator]
    assert "64 images" in repr(plan)
    assert "GiB" in repr(plan)


@pytest.mark.learning
def test_ranks_are_told_what_each_holds_and_what_all_do_together(tmp_path: Path) -> None:
    options = tiny_options("dcgan") | {"images_seen": 64, "batch_size": 8, "precision": "fp32", "device": "cpu"}
    assert exit_codes(ranks(plan_as_rank, 2, tmp_path, **options)) == [0, 0]
    main, other = (json.loads((tmp_path / f"plan-{rank}.json").read_text()) for rank in range(2))
    plan = main["plan"]
    for name in ("ranks", "batch_size", "images_per_second", "memory_bytes", "memory_of_machine"):
        assert plan[name] == other["plan"][name]
    assert (plan["ranks"], plan["batch_size"]) == (2, 8)
    assert plan["memory_bytes"] < plan["memory_of_machine"] <= 2 * plan["memory_bytes"]
    assert plan["seconds"] == pytest.approx(64 / plan["images_per_second"] / 0.9)
    text = "\n".join(main["lines"])
    assert "8 images a step, 4 on each of 2 ranks" in text
    assert "images a second of all ranks together" in text
    assert "GiB a rank; the 2 ranks of this machine take " in text


def test_a_step_that_cannot_fit_is_refused_with_one_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagewright.training.activations.memory_of_rank", lambda _: 2**19)
    options = tiny_options("progan") | {"images_seen": 64, "batch_size": 8}
    with pytest.raises(ConfigError, match=r"--micro-batch [1-7] "):
        iw.plan_training("progan", tiny_images("progan"), precision="fp32", **options)


def test_steps_that_are_slow_are_measured_with_fewer_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagewright.training.memory_use.LONGEST", 0.0)
    options = tiny_options("autoencoder") | {"images_seen": 64, "batch_size": 16, "precision": "fp32"}
    assert (iw.plan_training("autoencoder", simple_pictures(), **options).memory_bytes or 0) > 2**26


def test_the_command_writes_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plan.json"
    words = "--width 4 --latent-dim 4 --images-seen 64 --batch-size 8 --precision fp32"
    app(["train", "autoencoder", "digits", "--plan-file", str(file), *words.split()], result_action="return_value")
    plan = json.loads(file.read_text())
    assert plan["images_seen"] == 64
    assert "memory: " in capsys.readouterr().out
