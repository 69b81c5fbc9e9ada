"""The place of a run: `--force` and `import` that are killed at any moment lose no run and leave no unusable place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny import BATCH, final_bytes, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import RunError
from imagewright.files import atomic_write, remove_leftovers
from imagewright.runs import places
from imagewright.runs.lock import lock_run


class Killed(BaseException):
    """Ends a function as a kill does: nothing after it runs."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    return train_tiny("vae", simple_pictures(), folder, steps=2, report_every=BATCH).path


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def all_files(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def kill_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """Let the operation `number` (from 0) on the files of a place be the one before which the process is killed."""
    left = [number]

    def counted(name: str, owner: object) -> None:
        original = getattr(owner, name)

        def operate(*arguments: object, **options: object) -> object:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return original(*arguments, **options)

        patch.setattr(owner, name, operate)

    for name in ("rename", "unlink", "mkdir", "rmdir"):
        counted(name, Path)
    counted("rmtree", shutil)


def test_a_kill_at_any_operation_of_setting_aside_loses_no_file(finished: Path, tmp_path: Path) -> None:
    before = all_files(finished)
    for number in range(40):
        run = shutil.copytree(finished, tmp_path / f"{number}" / "run")
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, number)
            try:
                places.set_aside(run)
                places.restore(run)
            except Killed:
                pass
            else:
                assert number > 10
                return
        places.check_place(run, force=True)
        with pytest.raises(RunError, match="holds a run already"):
            places.check_place(run, force=False)
        places.recover(run)
        assert all_files(run) == before, f"killed before operation {number}"
    pytest.fail("more operations than expected")


def test_force_works_after_a_kill_at_any_operation(finished: Path, tmp_path: Path) -> None:
    for number in range(7):
        run = shutil.copytree(finished, tmp_path / f"{number}" / "run")
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, number)
            with pytest.raises(Killed):
                places.set_aside(run)
        train_tiny("autoencoder", simple_pictures(), run, steps=1, force=True)
        assert iw.Run(run).model == "autoencoder"
        assert [each.images_seen for each in iw.Run(run).checkpoints()] == [BATCH]
        assert not list(run.glob(".rep*"))


def test_resume_puts_back_a_run_whose_replacement_was_killed(finished: Path, copied: Path) -> None:
    places.set_aside(copied)
    with pytest.raises(RunError, match=r"--force.*--resume"):
        iw.Run(copied)
    train_tiny("vae", simple_pictures(), copied, steps=2, report_every=BATCH, resume=True)
    assert final_bytes(iw.Run(copied)) == final_bytes(iw.Run(finished))
    assert not list(copied.glob(".rep*"))


def test_a_run_without_its_record_is_replaced_by_force_alone(copied: Path) -> None:
    (copied / "run.json").unlink()
    (copied / "latents").mkdir()
    (copied / "latents" / "mine.safetensors").write_bytes(b"mine")
    with pytest.raises(RunError, match=r"without its run\.json.*--force"):
        train_tiny("vae", simple_pictures(), copied)
    train_tiny("vae", simple_pictures(), copied, steps=1, force=True)
    assert [each.images_seen for each in iw.Run(copied).checkpoints()] == [BATCH]
    assert (copied / "latents" / "mine.safetensors").read_bytes() == b"mine"


@pytest.mark.parametrize("force", [True, False])
def test_folders_of_other_tools_are_left_alone(tmp_path: Path, force: bool) -> None:
    """A project may have folders of the same names, and even checkpoints in them."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "model.safetensors").write_bytes(b"theirs")
    (tmp_path / "samples").mkdir()
    with pytest.raises(RunError, match="other files"):
        train_tiny("vae", simple_pictures(), tmp_path, force=force)
    assert (tmp_path / "checkpoints" / "model.safetensors").read_bytes() == b"theirs"


def test_a_run_that_was_killed_before_it_saved_anything_is_in_nobodys_way(copied: Path) -> None:
    """An import that was killed while it wrote its weights: the same command works again."""
    for name in ("metrics.jsonl", "report.html"):
        (copied / name).unlink()
    shutil.rmtree(copied / "checkpoints")
    (copied / "checkpoints").mkdir()
    (copied / "checkpoints" / ".tmpAbCdEf").write_bytes(bytes(1000))
    run = train_tiny("autoencoder", simple_pictures(), copied, steps=1)
    assert run.model == "autoencoder"
    assert not list((copied / "checkpoints").glob(".*"))


def test_temporary_files_of_killed_processes_are_removed(copied: Path) -> None:
    left = [".run.a1b2c3d4.json", ".metrics.x.jsonl", ".report.x.html", ".scores.x.csv", "checkpoints/.tmpA1b2C3"]
    for name in left:
        (copied / name).write_text("half of it")
    mine = [".notes", ".git", "latents/.mine"]
    (copied / "latents").mkdir()
    for name in mine:
        (copied / name).write_text("mine")
    train_tiny("vae", simple_pictures(), copied, steps=2, report_every=BATCH, resume=True)
    assert not [name for name in left if (copied / name).exists()]
    assert all((copied / name).read_text() == "mine" for name in mine)


def test_a_file_that_is_being_written_is_no_leftover(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "scores.json") as temporary:
        temporary.write_text("new")
        remove_leftovers(tmp_path, ("scores",))
        assert temporary.exists()
    assert (tmp_path / "scores.json").read_text() == "new"
    remove_leftovers(tmp_path, ("scores",))
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]


def test_a_run_in_training_is_not_imported_over(copied: Path, tmp_path: Path) -> None:
    before = all_files(copied)
    record = json.loads((copied / "run.json").read_text())
    with lock_run(copied), pytest.raises(RunError, match="Another process"):
        places.bring_back(places_killed(copied))
    places.bring_back(copied)
    assert all_files(copied) == before
    assert iw.Run(copied).record == record


def places_killed(run: Path) -> Path:
    """A run as it is in the middle of being set aside."""
    (run / places.MOVING).mkdir()
    (run / "run.json").rename(run / places.MOVING / "run.json")
    return run
