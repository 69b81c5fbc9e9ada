"""Two hosts, with and without a common disk: they train as one process does, or say together why they cannot."""

from __future__ import annotations

import re
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import BATCH, simple_pictures, tiny_options
from two_hosts import Host, cut_cable, mend_cable, ranks_on, two_hosts
from workers import train_photos

import imagewright as iw
from imagewright.meeting import Place, choose_interface
from imagewright.runs.weights import read_tensors
from imagewright.training.reporting import Silent

LENGTH = {"images_seen": 12 * BATCH, "report_every": 4 * BATCH, "checkpoint_every": 4 * BATCH}


def put_photos(folder: Path, count: int = 32) -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(simple_pictures(count)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"{number:03}.png")


def ended(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.join(120)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return codes


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return read_tensors(iw.Run(run).checkpoints()[-1].weights)[0]


def told(notes: Path) -> list[str]:
    """What each rank raised."""
    return [(notes / f"error-{rank}").read_text() for rank in range(2)]


def wait_for_step(notes: Path, step: int) -> None:
    ends = time.monotonic() + 120
    while not ((notes / "step-1").exists() and int((notes / "step-1").read_text() or 0) >= step):
        assert time.monotonic() < ends, "no step was made"
        time.sleep(0.02)


def test_hosts_without_a_common_disk_train_as_one_process_and_resume(tmp_path: Path) -> None:
    """Each host's own name is its loopback, as on Debian: gloo alone would listen where the other cannot reach it."""
    with two_hosts(tmp_path) as hosts:
        for host in hosts:
            put_photos(host.folder / "photos")
        begun = LENGTH | {"images_seen": 8 * BATCH}
        assert ended(ranks_on(hosts, train_photos, tmp_path, **begun)) == [0, 0]
        assert not (hosts[1].folder / "runs").exists()
        assert ended(ranks_on(hosts, train_photos, tmp_path, resume=True, images_seen=12 * BATCH)) == [0, 0]
        caches = [{path.name for path in (host.folder / "cache").iterdir()} for host in hosts]
    assert caches[0] == caches[1] != set()
    options = tiny_options("vae") | {"network": "mlp", "batch_size": BATCH} | LENGTH
    one = iw.train("vae", hosts[0].folder / "photos", tmp_path / "one", reporter=Silent(), **options)
    two = iw.Run(hosts[0].folder / "runs" / "x")
    ours, theirs = weights_of(one.path), weights_of(two.path)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, atol=1e-5, rtol=0, msg=name)
    assert [line["images_seen"] for line in two.metrics()] == [line["images_seen"] for line in one.metrics()]
    assert two.metrics()[-1]["losses"] == pytest.approx(one.metrics()[-1]["losses"], rel=1e-4)


def test_hosts_with_a_common_disk_and_a_cable_that_is_cut(tmp_path: Path) -> None:
    with two_hosts(tmp_path, ("a", "a")) as hosts:
        put_photos(hosts[0].folder / "photos")
        processes = ranks_on(
            hosts, train_photos, tmp_path, 0.02, **LENGTH | {"images_seen": 4000 * BATCH}, rank_timeout=2
        )
        wait_for_step(tmp_path, 10)
        cut_cable(hosts[1])
        assert ended(processes) == [1, 1]
        for rank, text in enumerate(told(tmp_path)):
            assert text.startswith(f"TrainingError: Rank {rank} of 2 lost the others")
            assert "the network between the hosts failed" in text
            assert "resume=True" in text
        run = iw.Run(hosts[0].folder / "runs" / "x")
        seen = run.checkpoints()[-1].images_seen
        assert seen >= 8 * BATCH
        mend_cable(hosts[1])
        assert ended(ranks_on(hosts, train_photos, tmp_path, resume=True, images_seen=seen + 8 * BATCH)) == [0, 0]
        assert iw.Run(run.path).checkpoints()[-1].images_seen == seen + 8 * BATCH
        assert not [path for path in run.path.rglob(".*") if path.is_file()]


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (31, r"ConfigError: .*the set photos is 32 pictures.* host-a \(rank 0\) and 31 pictures.* host-b \(rank 1\)"),
        pytest.param(0, r"On host-b \(rank 1\): There is nothing at 'photos'", marks=pytest.mark.learning),
    ],
)
def test_hosts_with_other_pictures_are_refused_together(pictures: int, message: str, tmp_path: Path) -> None:
    with two_hosts(tmp_path) as hosts:
        put_photos(hosts[0].folder / "photos")
        if pictures:
            put_photos(hosts[1].folder / "photos", pictures)
        assert ended(ranks_on(hosts, train_photos, tmp_path, **LENGTH)) == [2, 2]
        first, second = told(tmp_path)
    assert re.search(message, first)
    assert "photos" in second
    assert not (hosts[0].folder / "runs" / "x").exists()


@pytest.mark.learning
def test_a_run_on_another_host_than_rank_0_is_not_begun_anew(tmp_path: Path) -> None:
    """torchrun may give rank 0 to another host at each start."""
    with two_hosts(tmp_path) as hosts:
        for host in hosts:
            put_photos(host.folder / "photos")
        put_run(hosts[1])
        assert ended(ranks_on(hosts, train_photos, tmp_path, auto_resume=True, **LENGTH)) == [2, 2]
        for text in told(tmp_path):
            assert "host-a (rank 0)" in text
            assert "32 images on host-b (rank 1)" in text


def put_run(host: Host) -> None:
    options = tiny_options("vae") | {"network": "mlp", "batch_size": BATCH} | LENGTH | {"images_seen": 4 * BATCH}
    iw.train("vae", host.folder / "photos", host.folder / "runs" / "x", reporter=Silent(), **options)


def test_the_interface_is_the_one_towards_the_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [
        Place("host-a", 0, "127.0.0.1", "127.0.1.1", "1", "train", "x"),
        Place("host-b", 1, "10.77.0.2", "10.77.0.1", "1", "train", "y"),
    ]
    asked: list[str] = []
    monkeypatch.setattr("imagewright.meeting.interface_of", lambda address: asked.append(address) or "cable0")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    assert [choose_interface(places, rank) for rank in range(2)] == ["cable0", "cable0"]
    assert asked == ["10.77.0.1", "10.77.0.2"]
    assert choose_interface([places[0], places[0]], 0) is None
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth1")
    assert choose_interface(places, 0) is None
