"""Run directories changed at random: a command works, or ends with one line that says what is wrong.

The seeds are kept: FUZZ_RUNS=2000 tries the seeds 0 to 1999 (`make quality`); without it the first ones, and those that
once found a fault. FUZZ_SEED=17 tries one alone.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_mutations import mutate
from tiny import BATCH, simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli import failures, main

FOUND_FAULTS: tuple[int, ...] = (234,)
FEW = 40
SECONDS = 60  # for one command that takes a tenth of one: it must not wait for ever
LONGEST_MESSAGE = 2_000


def seeds() -> list[int]:
    if "FUZZ_SEED" in os.environ:
        return [int(os.environ["FUZZ_SEED"])]
    many = int(os.environ.get("FUZZ_RUNS", FEW))
    return sorted({*range(int(os.environ.get("FUZZ_FROM", "0")), many), *FOUND_FAULTS})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, each with checkpoints, reports, scores and a saved direction, and their pictures."""
    folder = tmp_path_factory.mktemp("whole")
    source = folder / "pictures.npz"
    np.savez(source, images=simple_pictures().transpose(0, 2, 3, 1))
    for name in ("vae", "dcgan"):
        images = iw.open_images(source)
        options: dict[str, Any] = {"steps": 4, "report_every": BATCH, "checkpoint_every": 2 * BATCH}
        run = train_tiny(name, images, folder / name, **options)
        iw.evaluate(run, against=source, metrics=["kd"], features="random", count=16)
        if name == "vae":
            iw.directions(run, "weights", count=2, save={0: "one"})
    return folder


COMMANDS = (
    ("inspect", "RUN"),
    ("inspect", "RUN", "--json"),
    ("doctor", "RUN"),
    ("sample", "RUN", "--count", "4", "--out", "samples.png", "--force"),
    ("compare", "RUN", "OTHER", "--out", "compare.html", "--force"),
    ("latent", "list", "RUN"),
    ("edit", "RUN", "1", "--move", "one=1", "--out", "edited.png", "--force"),
    ("evaluate", "RUN", "--against", "pictures.npz", "--features", "random", "--metrics", "kd", "--count", "16"),
    ("train", "NAME", "pictures.npz", "--out", "RUN", "--resume", "--quiet", "--images-seen", "40"),
)


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Fail if the block does not end in time."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"it had not ended after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def changed_files(run: Path) -> list[Path]:
    listed = [path for path in run.rglob("*") if path.suffix in (".json", ".jsonl", ".safetensors", ".png")]
    return sorted(path for path in listed if path.is_file())


@pytest.mark.parametrize("seed", seeds())
def test_a_changed_run_is_used_or_told_of(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    told: list[str] = []
    monkeypatch.setattr(failures, "say_error", told.append)
    chance = random.Random(f"commands {seed}")
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    monkeypatch.chdir(folder)
    name, other = chance.sample(("vae", "dcgan"), 2)
    files = [path for path in changed_files(folder / name) if path.suffix != ".png"]
    # Few files of many are JSON: these are chosen as often as weights.
    path = chance.choice(chance.choice([[f for f in files if f.suffix == s] for s in {f.suffix for f in files}]))
    done = f"{path.relative_to(folder)}: {mutate(path, seed)}"
    for command in chance.sample(COMMANDS, 3):
        words = [{"RUN": name, "OTHER": other, "NAME": name}.get(word, word) for word in command]
        capsys.readouterr()
        told.clear()
        with limited(SECONDS):
            code = main(words)
        error = capsys.readouterr().err + " ".join(told)
        about = f"seed {seed}: {done}\n{' '.join(words)}\n{error[-3000:]}"
        assert "unexpected error" not in error, about
        assert "Traceback" not in error, about
        assert code in (0, 2) or (code == 1 and "diverged" in error), about
        assert len(told) == bool(code), about
        assert all(text.isprintable() and len(text) < LONGEST_MESSAGE for text in told), about
