"""Two ranks over gloo: they compute what one rank computes, one of them writes, and both end if one is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from tiny import BATCH, tiny_model, tiny_options, train_tiny
from workers import exchange, ranks, synchronise_as_rank, train_as_rank, train_until_stopped

import imagewright as iw
from imagewright.errors import ConfigError
from imagewright.recipe import Recipe
from imagewright.runs.weights import read_tensors
from imagewright.training.options import TrainingOptions
from imagewright.training.plan import Schedule
from imagewright.training.setting import build_plan, resume_command

MLP = {"network": "mlp", "steps": 12}


def exit_codes(processes: list[BaseProcess]) -> list[int | None]:
    """The exit codes of processes, which are killed after a minute."""
    for process in processes:
        process.join(60)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return codes


def weights_of(run: iw.Run) -> dict[str, torch.Tensor]:
    return read_tensors(run.checkpoints()[-1].weights)[0]


@pytest.mark.parametrize(
    "options",
    [
        {"micro_batch": 3, "clip": 1.0, "schedule": "cosine"},
        *(pytest.param(each, marks=pytest.mark.learning) for each in ({}, {"micro_batch": 3}, {"clip": 1.0})),
    ],
)
def test_two_ranks_compute_the_weights_of_one(options: dict[str, object], tmp_path: Path) -> None:
    one = train_tiny("vae", None, tmp_path / "one" / "run", **MLP, **options)
    codes = exit_codes(ranks(train_as_rank, 2, "vae", tmp_path / "two" / "run", tmp_path, **MLP, **options))
    assert codes == [0, 0]
    two = iw.Run(tmp_path / "two" / "run")
    ours, theirs = weights_of(one), weights_of(two)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, atol=1e-5, rtol=0, msg=name)
    assert one.metrics()[-1]["losses"] == pytest.approx(two.metrics()[-1]["losses"], rel=1e-4)
    assert (tmp_path / "weights-0").read_text() == (tmp_path / "weights-1").read_text()
    assert two.record["plan"]["ranks"] == 2
    assert two.record["plan"]["batch_size"] == BATCH


@pytest.mark.learning
def test_two_ranks_measure_and_plan_the_same_training(tmp_path: Path) -> None:
    options = {"network": "mlp", "images_seen": None, "minutes": 0.01, "report_every": None, "checkpoint_every": None}
    codes = exit_codes(ranks(train_as_rank, 2, "vae", tmp_path / "run", tmp_path, **options))
    assert codes == [0, 0]
    assert (tmp_path / "weights-0").read_text() == (tmp_path / "weights-1").read_text()
    run = iw.Run(tmp_path / "run")
    assert run.record["plan"]["images_per_second"] > 0
    assert run.record["options"]["precision"] in ("fp32", "bf16")
    assert 0 < run.checkpoints()[-1].images_seen <= run.record["plan"]["images_seen"] + BATCH


def test_statistics_of_batch_norm_are_averaged_over_ranks(tmp_path: Path) -> None:
    codes = exit_codes(
        ranks(train_as_rank, 2, "dcgan", tmp_path / "run", tmp_path, steps=6, checkpoint_every=2 * BATCH)
    )
    assert codes == [0, 0]
    assert (tmp_path / "weights-0").read_text() == (tmp_path / "weights-1").read_text()


def test_only_the_main_rank_writes(tmp_path: Path) -> None:
    assert exit_codes(ranks(train_as_rank, 2, "vae", tmp_path / "run", tmp_path, steps=3)) == [0, 0]
    assert "run.json" in (tmp_path / "wrote-0").read_text()
    assert not (tmp_path / "wrote-1").exists()


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_rank_ends_the_other_with_a_message(lost: int, tmp_path: Path) -> None:
    processes = ranks(train_as_rank, 2, "vae", tmp_path / "run", tmp_path, 0.02, network="mlp", steps=2000)
    started = time.monotonic()
    while not all((tmp_path / f"step-{rank}").exists() for rank in range(2)) and time.monotonic() - started < 60:
        time.sleep(0.02)
    os.kill(processes[lost].pid, signal.SIGKILL)
    codes = exit_codes(processes)
    other = 1 - lost
    assert codes[lost] == -signal.SIGKILL
    assert codes[other] not in (0, None)
    text = (tmp_path / f"error-{other}").read_text()
    assert text.startswith(f"TrainingError: Rank {other} of 2 lost the others")
    assert "resume=True" in text
    assert "\n" not in text


@pytest.mark.learning
def test_a_request_to_stop_at_one_rank_stops_both_at_the_same_step(tmp_path: Path) -> None:
    options = {"network": "mlp", "steps": 40}
    one = train_tiny("vae", None, tmp_path / "one" / "run", **options)
    out, notes = tmp_path / "two" / "run", tmp_path / "stopped"
    notes.mkdir()
    processes = ranks(train_as_rank, 2, "vae", out, notes, 0.02, **options)
    started = time.monotonic()
    while not (notes / "step-1").exists() and time.monotonic() - started < 60:
        time.sleep(0.01)
    os.kill(processes[1].pid, signal.SIGINT)
    assert exit_codes(processes) == [130, 130]
    for rank in range(2):
        assert (notes / f"error-{rank}").read_text().startswith("Stopped: Stopped and saved.")
    (checkpoint,) = iw.Run(out).checkpoints()
    assert 0 < checkpoint.images_seen < 40 * BATCH
    assert exit_codes(ranks(train_as_rank, 2, "vae", out, tmp_path, resume=True, **options)) == [0, 0]
    for name, tensor in weights_of(iw.Run(out)).items():
        torch.testing.assert_close(tensor, weights_of(one)[name], atol=1e-5, rtol=0, msg=name)


def test_exchanges_between_ranks(tmp_path: Path) -> None:
    assert exit_codes(ranks(exchange, 2, tmp_path)) == [0, 0]
    for rank in range(2):
        image, halves, number, any_rank = torch.load(tmp_path / f"exchanged-{rank}")
        assert torch.equal(image, torch.arange(96.0).reshape(2, 3, 4, 4) * 1.5)
        assert halves.tolist() == [[0.5, 0.5], [0.5, 0.5]]
        assert halves.dtype == torch.float64
        assert number.item() == 2.5
        assert any_rank == [True, False, [0, 1], 3]


def test_only_the_statistics_of_norm_layers_are_averaged_over_ranks(tmp_path: Path) -> None:
    """A pool of images, or another buffer of the model's own, was once mixed between the ranks."""
    assert exit_codes(ranks(synchronise_as_rank, 2, tmp_path)) == [0, 0]
    for rank in range(2):
        mean, pool = torch.load(tmp_path / f"statistics-{rank}")
        assert mean.tolist() == [0.5]
        assert pool.tolist() == [float(rank)] * 3


def test_a_batch_size_that_is_no_multiple_of_the_ranks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigError, match=r"batch_size=64.*3 ranks"):
        build_plan(TrainingOptions(), Recipe())
    plan = build_plan(TrainingOptions(batch_size=12, micro_batch=100), Recipe())
    assert (plan.batch_size, plan.micro_batch) == (12, 4)
    monkeypatch.setenv("RANK", "2")
    assert Schedule(tiny_model("vae"), plan).rows(0) == range(8, 12)


def test_a_rank_that_hangs_ends_the_others(tmp_path: Path) -> None:
    """A stopped process is not dead: without a limit the others would wait for it for ever."""
    processes = ranks(train_until_stopped, 2, tmp_path)
    processes[0].join(60)
    stopped = processes[1]
    assert stopped.is_alive()
    assert stopped.pid is not None
    os.kill(stopped.pid, signal.SIGKILL)
    stopped.join()
    assert processes[0].exitcode == 0
    message = (tmp_path / "message").read_text()
    assert "hangs" in message
    assert "resume=True" in message


@pytest.mark.learning
def test_torchrun_and_the_command_line(tmp_path: Path) -> None:
    options = tiny_options("vae") | {"network": "mlp"}
    training = {
        "images_seen": 12 * BATCH,
        "batch_size": BATCH,
        "report_every": 12 * BATCH,
        "checkpoint_every": 12 * BATCH,
    }
    typed = ["--network", "mlp", "--width", str(options["width"]), "--latent-dim", str(options["latent_dim"])]
    for name, value in training.items():
        typed += [f"--{name.replace('_', '-')}", str(value)]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "imagewright", "train", "vae", "digits", *typed, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    one = iw.train("vae", "digits", tmp_path / "one", **options, **training)
    for name, tensor in weights_of(iw.Run(tmp_path / "run")).items():
        torch.testing.assert_close(tensor, weights_of(one)[name], atol=1e-5, rtol=0, msg=name)


def test_the_command_that_resumes_says_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/some/imagewright/__main__.py", "train", "vae", "my photos", "--force"])
    assert resume_command().endswith(": imagewright train vae 'my photos' --resume")
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    assert resume_command().endswith(": torchrun --nproc-per-node 2 -m imagewright train vae 'my photos' --resume")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert "torchrun command on each machine" in resume_command()
