"""The live bar on a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagewright.cli.progress import ProgressFile

pty = pytest.importorskip("pty", reason="needs a pseudo terminal")


@pytest.mark.learning
def test_a_terminal_gets_a_bar_with_speed_and_losses(tmp_path: Path) -> None:
    outer, inner = pty.openpty()
    options = ["--network", "mlp", "--width", "8", "--latent-dim", "2", "--images-seen", "2k", "--report-every", "200"]
    command = [sys.executable, "-m", "imagewright", "train", "vae", "digits", "--out", str(tmp_path / "run"), *options]
    environment = os.environ | {"COLUMNS": "160", "TERM": "xterm-256color"}
    with subprocess.Popen(command, stderr=inner, stdout=subprocess.DEVNULL, env=environment) as process:
        os.close(inner)
        shown = b""
        while True:
            try:
                part = os.read(outer, 65536)
            except OSError:  # how Linux says that the other end was closed
                break
            if not part:
                break
            shown += part
    os.close(outer)
    assert process.returncode == 0
    text = shown.decode(errors="replace")
    for part in ("vae", "/2048 images", "/s", "elbo/reconstruction", "memory", "MiB"):
        assert part in text, part
    assert "\x1b[?25h" in text  # the cursor is given back


def test_the_speed_of_a_resumed_training_is_told_without_what_was_done_before(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "progress.json")
    file.update("preparing pictures", 60, 60)
    file.update("training", 6_464, 52_000)
    assert json.loads((tmp_path / "progress.json").read_text())["first"] == 6_464
    file.update("training", 52_000, 52_000)
    written = json.loads((tmp_path / "progress.json").read_text())
    assert (written["first"], written["done"]) == (6_464, 52_000)
