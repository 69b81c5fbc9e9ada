"""Disks that are full, over quota, read-only or failing while a training writes; and files that cannot be read."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
from safetensors import SafetensorError
from tiny import BATCH, Messages, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import RunError
from imagewright.training.reporting import PlainLines, Silent

OFTEN = {"steps": 8, "report_every": 2 * BATCH, "checkpoint_every": 2 * BATCH}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("vae", simple_pictures(), tmp_path_factory.mktemp("finished") / "run", **OFTEN).path


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def all_files(run: Path) -> dict[str, bytes]:
    """All but run.json, in which a resumed training notes the numbers that its recipe gave before it reads on."""
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.rglob("*.*")
        if path.name != "run.json" and path.is_file()
    }


# Writing


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "disk quota"),
        (errno.EIO, "the disk reports an error"),
        (errno.EROFS, "read-only"),
        (errno.EFBIG, "larger than the system allows"),
    ],
)
def test_what_the_disk_says_of_a_checkpoint_is_told_with_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """safetensors writes by itself: its error has the system's number in its text alone."""
    save = safetensors.torch.save_file
    written: list[str] = []

    def fail_later(tensors: Any, path: Any, metadata: Any = None) -> None:
        written.append(str(path))
        if len(written) > 2:
            Path(path).write_bytes(b"half of it")
            raise SafetensorError(f"Error while serializing: IO error: {os.strerror(number)} (os error {number})")
        save(tensors, path, metadata)

    monkeypatch.setattr(safetensors.torch, "save_file", fail_later)
    with pytest.raises(RunError, match=rf"{words}.*checkpoint at 16 images is saved: --resume") as error:
        train_tiny("vae", simple_pictures(), tmp_path / "run", **OFTEN)
    assert "\n" not in str(error.value)
    assert [path.name for path in sorted((tmp_path / "run" / "checkpoints").iterdir())] == [
        "000000016.safetensors",
        "000000016.state.safetensors",
    ]


def test_a_limit_on_the_size_of_files_is_told(tmp_path: Path) -> None:
    """`ulimit -f`, which safetensors meets by itself."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
        with pytest.raises(RunError, match=r"larger than the system allows.*No checkpoint had been written"):
            train_tiny("vae", simple_pictures(), tmp_path / "run", width=32, **OFTEN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


class FullLog:
    """A log on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_log_does_not_end_a_training(tmp_path: Path) -> None:
    reporter = PlainLines(FullLog())  # type: ignore[arg-type]
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", reporter=reporter, **OFTEN)
    assert run.checkpoints()[-1].images_seen == 64


# Reading


def forbid(monkeypatch: pytest.MonkeyPatch, forbidden: Path, number: int = errno.EACCES) -> None:
    """Let the system refuse to read a file or a folder, also for the administrator."""

    def refusing(function: Any) -> Any:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(path, str | os.PathLike) and Path(path) == forbidden:
                raise OSError(number, os.strerror(number), str(path))
            return function(path, *arguments, **options)

        return call

    for owner, name in ((os, "open"), (os, "listdir"), (os, "scandir")):
        monkeypatch.setattr(owner, name, refusing(getattr(owner, name)))
    monkeypatch.setattr(Path, "open", refusing(Path.open))


def resume(run: Path, **options: Any) -> iw.Run:
    return iw.train("vae", simple_pictures(), run, resume=True, **({"reporter": Silent()} | options))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_checkpoints_that_cannot_be_listed_are_not_none(
    copied: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = all_files(copied)
    with monkeypatch.context() as patch:
        forbid(patch, copied / "checkpoints", number)
        for use in (iw.load, resume, iw.inspect):
            with pytest.raises(RunError, match=r"Cannot read .*checkpoints") as error:
                use(copied)
            assert "--force" not in str(error.value)
    assert all_files(copied) == before


@pytest.mark.parametrize("suffix", [".safetensors", ".state.safetensors"])
def test_a_checkpoint_that_cannot_be_read_is_not_passed_over(
    copied: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """It may be intact: going on from an earlier one would write over it."""
    before = all_files(copied)
    with monkeypatch.context() as patch:
        forbid(patch, copied / "checkpoints" / f"000000064{suffix}")
        with pytest.raises(RunError, match=rf"Cannot read .*000000064{suffix}: there is no permission"):
            resume(copied, images_seen=80)
    assert all_files(copied) == before


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "scores.json"])
def test_a_file_of_a_run_that_cannot_be_read_is_named(copied: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (copied / "scores.json").write_text('{"scores": []}')
    before = all_files(copied)
    with monkeypatch.context() as patch:
        forbid(patch, copied / name)
        use = {"run.json": iw.load, "metrics.jsonl": resume, "scores.json": lambda run: iw.compare([run, run.parent])}
        with pytest.raises(RunError, match=rf"Cannot read .*{name}|{copied.parent} is no run"):
            use[name](copied)
    assert all_files(copied) == before


def test_the_note_on_what_is_kept_does_not_hide_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = Messages()
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", reporter=messages, **OFTEN)
    forbid(monkeypatch, run.path / "checkpoints")
    assert "Cannot read" in run.resume_note()
