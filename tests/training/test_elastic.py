"""`torchrun` that starts the ranks again: after one was killed, and after a host was lost, with fewer ranks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import BATCH, simple_pictures, tiny_options
from two_hosts import children, kill, outcomes, start_torchrun, two_hosts, wait_for

import imagewright as iw
from imagewright.runs.weights import read_tensors
from imagewright.training.reporting import Silent

pytestmark = pytest.mark.learning

LENGTH = {"images_seen": 500 * BATCH, "report_every": 500 * BATCH, "checkpoint_every": 25 * BATCH}


def command(out: Path | str) -> list[str]:
    options = tiny_options("vae") | {"network": "mlp", "batch_size": BATCH} | LENGTH
    typed = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return ["train", "vae", "photos", *typed, "--out", str(out)]


def put_photos(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, picture in enumerate(simple_pictures()):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"{number:03}.png")
    return folder


def check_equals_an_unbroken_run(run: Path, photos: Path, out: Path) -> None:
    options = tiny_options("vae") | {"network": "mlp", "batch_size": BATCH} | LENGTH
    one = iw.train("vae", photos, out, reporter=Silent(), **options)
    ours, theirs = (read_tensors(each.checkpoints()[-1].weights)[0] for each in (one, iw.Run(run)))
    for name, tensor in ours.items():  # 500 steps of sums in another order
        torch.testing.assert_close(theirs[name], tensor, atol=1e-3, rtol=1e-3, msg=name)
    assert iw.Run(run).checkpoints()[-1].images_seen == LENGTH["images_seen"]


def test_torchrun_restarts_a_training_of_which_a_rank_was_killed(tmp_path: Path) -> None:
    photos, run = put_photos(tmp_path / "photos"), tmp_path / "runs" / "x"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = subprocess.Popen(
        [*launcher, "--max-restarts", "2", "-m", "imagewright", *command(run)],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_for(run / "checkpoints" / f"{50 * BATCH:09d}.safetensors", 300)
    os.kill(children(process)[1], signal.SIGKILL)
    ((code, text),) = outcomes([process], 600)
    assert code == 0, text
    assert "torchrun restarted the training (1 of at most 2 restarts)" in text
    check_equals_an_unbroken_run(run, photos, tmp_path / "one")


def test_a_host_that_is_lost_leaves_the_other_to_go_on(tmp_path: Path) -> None:
    with two_hosts(tmp_path, ("a", "a")) as hosts:
        photos, run = put_photos(hosts[0].folder / "photos"), hosts[0].folder / "runs" / "x"
        elastic = ["--nnodes", "1:2", "--max-restarts", "3", "--rdzv-conf", "last_call_timeout=5"]
        words = [*command("runs/x"), "--auto-resume"]
        processes = [start_torchrun(host, words, *elastic) for host in hosts]
        wait_for(run / "checkpoints" / f"{50 * BATCH:09d}.safetensors", 300)
        kill(processes[1])
        (code, text), _ = outcomes(processes, 600)
        assert code == 0, text
        assert "goes on from its checkpoint" in text
    assert iw.Run(run).record["plan"]["ranks"] == 1
    check_equals_an_unbroken_run(run, photos, tmp_path / "one")
