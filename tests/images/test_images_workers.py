"""Large sets are decoded by worker processes: the same cache, the same errors."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.errors import DataError
from imagewright.images import open_images

COUNT = 2500


@pytest.fixture
def large(tmp_path) -> Path:
    """A zip of 2,500 small PGM pictures, picture k of one grey level, with one unreadable one."""
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(COUNT):
            stream = io.BytesIO()
            Image.new("L", (6, 4), number % 251).save(stream, "PPM")
            archive.writestr(f"{number:05d}.pgm", b"text" if number == 1234 else stream.getvalue())
    return path


def test_processes_and_one_thread_make_the_same_cache(large, tmp_path) -> None:
    reports: list[tuple[int, int]] = []
    parallel = open_images(large, cache_dir=tmp_path / "a").prepare(lambda *seen: reports.append(seen), workers=2)
    alone = open_images(large, cache_dir=tmp_path / "b").prepare(workers=1)
    assert parallel.skipped == alone.skipped == [("01234.pgm", "it holds text, not a picture")]
    assert reports[-1] == (COUNT, COUNT)
    for one, other in zip(parallel.batches(500), alone.batches(500), strict=True):
        assert one.images.equal(other.images)
    assert parallel.batch(np.array([1233, 1234])).images[:, 0, 0, 0].tolist() == [1233 % 251, 1235 % 251]


@pytest.mark.learning
def test_errors_in_workers_are_raised(large) -> None:
    with pytest.raises(DataError, match=r"01234\.pgm cannot be read: it holds text"):
        open_images(large, strict=True).prepare(workers=2)
    images = open_images(large)
    large.unlink()
    with pytest.raises(DataError, match="vanished"):
        images.prepare(workers=2)


@pytest.mark.learning
def test_a_script_needs_no_main_guard(large) -> None:
    script = textwrap.dedent(f"""
        from imagewright.images import open_images
        print(len(open_images({str(large)!r}).prepare(workers=2)))
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout == f"{COUNT - 1}\n"
    assert result.stderr == ""


def test_a_killed_worker_raises(large, cache, monkeypatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def spy(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process = start(*arguments, **options)  # type: ignore[call-overload]
        started.append(process)
        process.send_signal(signal.SIGKILL)
        return process

    monkeypatch.setattr(subprocess, "Popen", spy)
    with pytest.raises(DataError, match="ended from outside"):
        open_images(large).prepare(workers=2)
    assert started
    assert all(process.poll() is not None for process in started)
    assert not list(cache.glob("*.p*"))
