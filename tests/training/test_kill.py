"""A run that is killed at any moment can be resumed, and ends with the bytes of an unbroken one."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from tiny import BATCH, final_bytes, simple_pictures, train_tiny
from workers import start, train_slowly, train_until_write

import imagewright as iw

OFTEN = {"steps": 4, "report_every": 2 * BATCH, "checkpoint_every": 2 * BATCH}


def resume_to_end(name: str, out: Path, **options: object) -> dict[str, bytes]:
    """Resume a killed run in this process, or start it if it has no record, and return its files."""
    exists = (out / "run.json").exists()
    return final_bytes(train_tiny(name, simple_pictures(), out, resume=exists, **options))


def test_killed_before_any_of_its_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, names = Path.replace, []

    def note_name(self: Path, target: Path) -> Path:
        names.append(target.name)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", note_name)
        expected = final_bytes(train_tiny("dcgan", simple_pictures(), tmp_path / "unbroken" / "run", **OFTEN))
    assert {"run.json", "000000016.safetensors", "000000016.state.safetensors", "000000032.png"} <= set(names)
    for number in range(1, len(names) + 1):
        out = tmp_path / f"killed-{number}" / "run"
        process = start(train_until_write, "dcgan", out, number, **OFTEN)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert resume_to_end("dcgan", out, **OFTEN) == expected, f"killed before {names[number - 1]} was written"
        hidden = [path for path in out.rglob(".*") if path.parent.name in ("checkpoints", "samples")]
        assert not hidden, "files that the kill left half-written are still there"


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.learning) for name in ("vae", "dcgan")])
def test_killed_repeatedly_at_random_moments(name: str, tmp_path: Path) -> None:
    options = {"steps": 24, "report_every": 7 * BATCH, "checkpoint_every": 4 * BATCH}
    expected = final_bytes(train_tiny(name, simple_pictures(), tmp_path / "unbroken" / "run", **options))
    moments = random.Random(name)
    kills = 0
    for trial in range(2):
        out = tmp_path / f"killed-{trial}" / "run"
        for _ in range(2):
            resume = (out / "run.json").exists()
            process = start(train_slowly, name, out, 0.02, resume=resume, **options)
            while not (out / "run.json").exists():
                time.sleep(0.01)
            process.join(moments.uniform(0.05, 0.45))
            if process.exitcode is None:
                os.kill(process.pid, signal.SIGKILL)
                process.join()
                kills += process.exitcode == -signal.SIGKILL
        assert resume_to_end(name, out, **options) == expected
        assert [line["images_seen"] for line in iw.Run(out).metrics()] == [56, 112, 168, 192]
    assert kills >= 2
