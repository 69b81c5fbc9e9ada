"""The batch script of docs/scaling.md, with stand-ins for SLURM's programs, and the command in it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE, wait_until

import imagewright as iw
from imagewright.cli.app import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"
STAND_INS = {
    "scontrol": 'if [ "$1" = show ]; then printf "node-1\\nnode-2\\n"; else echo "$@" > requeued; fi',
    "srun": 'exec "$@"',
    "scancel": 'echo "$@" > cancelled; kill -TERM "$(cat torchrun.pid)"',
    "torchrun": 'printf "%s\\n" "$@" > words; sleep "${WORKS:-0}" & trap "kill $!; exit 1" TERM\n'
    'echo $$ > torchrun.pid; wait $!; exit "${ENDS:-0}"',
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SLURM runs scripts of bash")


def start_script(folder: Path, **environment: str) -> subprocess.Popen[str]:
    (script,) = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", PAGE.read_text(), re.DOTALL)
    (folder / "bin").mkdir()
    for name, content in STAND_INS.items():
        (folder / "bin" / name).write_text(f"#!/bin/bash\n{content}\n")
        (folder / "bin" / name).chmod(0o755)
    (folder / "job.sh").write_text(script)
    of_slurm = {"SLURM_JOB_ID": "17", "SLURM_JOB_NODELIST": "node-[1-2]", "SLURM_NNODES": "2"}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", "job.sh"],
        cwd=folder,
        env=os.environ | of_slurm | {"PATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("code", [0, 1])
def test_a_job_that_ends_by_itself_is_not_queued_again(code: int, tmp_path: Path) -> None:
    process = start_script(tmp_path, ENDS=str(code))
    text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, text
    assert not (tmp_path / "requeued").exists()


def test_a_job_whose_time_is_over_saves_and_is_queued_again(tmp_path: Path) -> None:
    process = start_script(tmp_path, WORKS="600")
    started = tmp_path / "torchrun.pid"
    wait_until(lambda: started.exists() and started.read_text())
    process.send_signal(signal.SIGUSR1)
    text, _ = process.communicate(timeout=PATIENCE)
    assert (tmp_path / "cancelled").read_text() == "--signal=TERM 17\n", text
    assert (tmp_path / "requeued").read_text() == "requeue 17\n"
    assert process.returncode == 1


def test_the_command_of_the_script_is_one_of_imagewright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_script(tmp_path).communicate(timeout=PATIENCE)
    words = (tmp_path / "words").read_text().split("\n")[:-1]
    assert words[words.index("--rdzv-endpoint") + 1] == "node-1:29400"
    assert words[words.index("--nnodes") + 1] == "2"
    called: dict[str, Any] = {}

    def train(model: str, images: Any, **options: Any) -> Any:
        called.update(options, model=model, images=images)
        raise KeyboardInterrupt

    monkeypatch.setattr(iw, "train", train)
    place = words.index("-m")
    assert words[place + 1] == "imagewright"
    assert main(words[place + 2 :]) == 130, shlex.join(words)
    assert called["auto_resume"] is True
    assert called["checkpoint_every"] == 50_000
