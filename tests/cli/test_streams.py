"""Standard streams that are closed, full or slow to go, and Ctrl-C at any moment: no traceback, no work lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError
from imagewright.files import cache_folder

COMMAND = f"{sys.executable} -m imagewright"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return train_tiny("vae", simple_pictures(), tmp_path / "run").path


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param(">&-", marks=pytest.mark.learning),
        pytest.param("2>&-", marks=pytest.mark.learning),
        "<&- >&- 2>&-",
    ],
)
def test_closed_streams_change_nothing(run: Path, closed: str) -> None:
    done = shell(f"{COMMAND} sample run --count 4 --out samples.png {closed}", run.parent)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert iw.inspect(run.parent / "samples.png")["kind"] == "picture"


@pytest.mark.learning
def test_a_training_with_all_streams_closed_writes_its_run(tmp_path: Path) -> None:
    options = "--images-seen 64 --batch-size 16 --network mlp --width 8 --latent-dim 2 --report-every 32"
    done = shell(f"{COMMAND} train vae digits --out run {options} <&- >&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert len(iw.Run(tmp_path / "run").metrics()) == 2
    for path in (tmp_path / "run").rglob("*.json*"):  # nothing was printed into a file that took a stream's number
        assert path.read_text().startswith("{"), path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.learning
def test_a_full_log_costs_nothing_and_a_full_output_is_told(run: Path) -> None:
    done = shell(f"{COMMAND} doctor run 2>/dev/full", run.parent)
    assert done.returncode == 0
    done = shell(f"{COMMAND} inspect run >/dev/full", run.parent)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


def test_without_a_home_folder_the_cache_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMAGEWRIGHT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder(None) == Path.home() / ".cache" / "imagewright"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder(None) == tmp_path / "imagewright"
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "own"))
    assert cache_folder(None) == tmp_path / "own"
    assert cache_folder("given") == Path("given")
    monkeypatch.delenv("IMAGEWRIGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the specification has it passed over
    assert cache_folder(None) == Path.home() / ".cache" / "imagewright"
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigError, match=r"HOME is not set.*IMAGEWRIGHT_CACHE="):
        cache_folder(None)


@pytest.mark.parametrize("pause", [0.0, pytest.param(0.05, marks=pytest.mark.learning)])
def test_ctrl_c_twice_shows_no_traceback(pause: float, tmp_path: Path) -> None:
    """A second Ctrl-C comes while the first one is being reported, or while Python ends."""
    command = [sys.executable, "-m", "imagewright", "train", "vae", "digits", "--out", "run", "--images-seen", "1G"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "run" / "run.json").exists():
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        time.sleep(1.2)  # a second one within a second is taken for the same (`training/signals.py`)
        for _ in range(3):
            time.sleep(pause)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGINT)
        error = process.communicate()[1]
    assert "Traceback" not in error, error
    assert process.returncode in (130, -signal.SIGINT)


def test_sigterm_leaves_no_half_written_video(tmp_path: Path) -> None:
    pytest.importorskip("av")
    train_tiny("vae", simple_pictures(), tmp_path / "run")
    typed = ["latent", "video", "run", "--seconds", "100000", "--out", "videos/walk.mp4"]
    command = [sys.executable, "-m", "imagewright", *typed]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("videos/.walk*")) and process.poll() is None:
            time.sleep(0.01)
        for _ in range(2):  # `timeout` sends it to the process and to its group
            os.kill(process.pid, signal.SIGTERM)
        error = process.communicate()[1]
    assert process.returncode == 143, error
    assert "Terminated." in error
    assert "Traceback" not in error
    assert not list((tmp_path / "videos").iterdir())
