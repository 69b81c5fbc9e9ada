"""A run that is begun or gone on with by itself: `--auto-resume`, and restarts by `torchrun`."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

import pytest
from tiny import BATCH, Messages, final_bytes, stopped_after, train_tiny

import imagewright as iw
from imagewright import distributed
from imagewright.errors import ConfigError, RunError
from imagewright.runs.lock import is_training, lock_run
from imagewright.training.joining import check_out

MLP = {"network": "mlp"}


def under_torchrun(patch: pytest.MonkeyPatch, launch: str, restarts: int) -> None:
    patch.setenv("TORCHELASTIC_RUN_ID", "none")
    patch.setenv("TORCHELASTIC_RESTART_COUNT", str(restarts))
    patch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    patch.setenv("TORCHELASTIC_ERROR_FILE", f"/tmp/torchelastic_x/{launch}/attempt_{restarts}/0/error.json")


def test_auto_resume_begins_a_run_and_goes_on_with_it(tmp_path: Path) -> None:
    whole = train_tiny("vae", out=tmp_path / "whole" / "run", steps=8, **MLP)
    out = tmp_path / "parts" / "run"
    stopped_after("vae", out, steps=8, stop_at=3, auto_resume=True, **MLP)
    said = Messages()
    run = train_tiny("vae", out=out, steps=8, auto_resume=True, reporter=said, **MLP)
    assert any("goes on from its checkpoint at 24 images" in text for text in said.texts)
    assert final_bytes(run) == final_bytes(whole)
    with pytest.raises(ConfigError, match=r"--auto-resume resumes a run and --force replaces it"):
        train_tiny("vae", out=out, steps=8, auto_resume=True, force=True, **MLP)


@pytest.mark.parametrize("force", [False, True])
def test_a_restart_by_torchrun_goes_on_with_its_own_run(
    force: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_tiny("vae", out=tmp_path / "whole" / "run", steps=8, **MLP)
    out = tmp_path / "parts" / "run"
    if force:
        train_tiny("vae", out=out, steps=2, **MLP)
    under_torchrun(monkeypatch, "none_a", 0)
    stopped_after("vae", out, steps=8, stop_at=3, force=force, **MLP)
    under_torchrun(monkeypatch, "none_a", 1)
    said = Messages()
    run = train_tiny("vae", out=out, steps=8, force=force, reporter=said, **MLP)
    assert any("restarted the training (1 of at most 3" in text for text in said.texts)
    assert final_bytes(run) == final_bytes(whole)


def test_a_restart_by_torchrun_leaves_a_run_that_another_one_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that was refused, since a run is there, is restarted too: it must not go on with that run."""
    under_torchrun(monkeypatch, "none_a", 0)
    train_tiny("vae", out=tmp_path / "run", **MLP)
    under_torchrun(monkeypatch, "none_b", 1)
    with pytest.raises(RunError, match="holds a run already"):
        train_tiny("vae", out=tmp_path / "run", **MLP)


def test_ranks_of_one_machine_have_one_run_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank that looks elsewhere for the main rank's run finds nothing there, and only the first rank prints."""
    monkeypatch.setattr(distributed, "gather_objects", lambda mine: [(0, "/a/run"), (0, "/b/run")])
    with pytest.raises(ConfigError, match=r"--out is /a/run on rank 0 and /b/run on rank 1.*same --out"):
        check_out(Path("/a/run"))
    monkeypatch.setattr(distributed, "gather_objects", lambda mine: [(0, "/a/run"), (1, "/b/run"), (0, "/a/run")])
    check_out(Path("/a/run"))  # another machine may have the run elsewhere


def test_a_lower_number_of_ranks_goes_on_in_the_same_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan counts the images of all ranks, so that nothing in a run depends on how many there were."""
    out = tmp_path / "run"
    stopped_after("vae", out, steps=8, stop_at=3, **MLP)
    run = iw.Run(out)
    run.rewrite(run.record | {"plan": run.record["plan"] | {"ranks": 4}})
    run = train_tiny("vae", out=out, steps=8, auto_resume=True, **MLP)
    assert run.record["plan"]["ranks"] == 1
    assert run.checkpoints()[-1].images_seen == 8 * BATCH


def test_a_folder_that_cannot_be_locked_is_locked_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS locks files that are open for writing, and no folders."""
    flock = fcntl.flock

    def of_files_alone(descriptor: int, how: int) -> None:
        if not os.path.isfile(f"/proc/self/fd/{descriptor}"):
            raise OSError(9, "Bad file descriptor")
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", of_files_alone)
    run = tmp_path / "run"
    with lock_run(run):
        assert is_training(run)
        with pytest.raises(RunError, match="Another process is training"), lock_run(run):
            pass
        monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
        with pytest.raises(RunError, match=r"srun started 2 tasks.*torchrun"), lock_run(run):
            pass
        (run / "kept").touch()
    assert not is_training(run)
    assert [path.name for path in run.iterdir()] == ["kept"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGUSR1, 75), (signal.SIGTERM, 130)])
def test_a_script_can_tell_a_preempted_training_from_an_error(number: int, code: int, tmp_path: Path) -> None:
    class Preempts(iw.Observer):
        every = 3 * BATCH

        def at(self, images_seen: int, line: object) -> None:
            signal.raise_signal(number)

    with pytest.raises(iw.Stopped, match="Stopped and saved") as raised:
        train_tiny("vae", out=tmp_path / "run", steps=8, observers=[Preempts()], **MLP)
    assert raised.value.exit_code == code
    assert iw.Run(tmp_path / "run").checkpoints()[-1].images_seen == 3 * BATCH
