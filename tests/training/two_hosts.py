"""Two hosts on this machine: network namespaces joined by a cable, each with a host name and a working folder.

As on Debian, a host's own name is 127.0.1.1 in its table of hosts, and the other's is the address of the cable.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from workers import start

PORT = 29_400  # of torchrun's meeting place; each pair of hosts has ports of its own
ENTER = 'hostname "$1" && mount --bind "$2" /etc/hosts && cd "$3" && shift 3 && exec "$@"'


class Host:
    """One of two hosts.

    name: its host name. namespace: its network. folder: where its commands start. table: its table of hosts.
    """

    def __init__(self, name: str, namespace: str, folder: Path, table: Path) -> None:
        self.name, self.namespace, self.folder, self.table = name, namespace, folder, table
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, command: Sequence[str], **environment: str) -> subprocess.Popen[str]:
        """Start a command on the host, in a group of processes of its own. Its output, both streams, is a pipe."""
        inside = ["unshare", "--uts", "--mount", "sh", "-c", ENTER, "sh", self.name, str(self.table), str(self.folder)]
        left = {name: value for name, value in os.environ.items() if name not in ("GLOO_SOCKET_IFNAME", "PYTHONPATH")}
        left |= {"OMP_NUM_THREADS": "1", "IMAGEWRIGHT_CACHE": str(self.folder / "cache")}
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *inside, *command],
            env=left | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@contextmanager
def two_hosts(folder: Path, folders: tuple[str, str] = ("a", "b")) -> Iterator[tuple[Host, Host]]:
    """Two hosts for the time of the block. The test is skipped where namespaces cannot be made.

    folder: of the test.
    folders: in which the hosts' commands start, below `folder`; the same one twice is a common disk.
    """
    if sys.platform != "linux" or not all(shutil.which(name) for name in ("ip", "unshare")):
        pytest.skip("two hosts need Linux with ip and unshare")
    mark = f"iw{os.getpid()}"
    spaces = [f"{mark}{letter}" for letter in "ab"]
    addresses = ("10.77.0.1", "10.77.0.2")
    made = subprocess.run(
        ["unshare", "--net", "--uts", "--mount", "true"], capture_output=True, check=False
    ).returncode == 0 and all(_ip("netns", "add", space, check=False) for space in spaces)
    try:
        if not made:
            pytest.skip("this user may not make network namespaces")
        _ip(
            "link",
            "add",
            f"{mark}x",
            "netns",
            spaces[0],
            "type",
            "veth",
            "peer",
            "name",
            f"{mark}y",
            "netns",
            spaces[1],
        )
        hosts = []
        for number, (space, end) in enumerate(zip(spaces, "xy", strict=True)):
            _ip("-n", space, "link", "set", f"{mark}{end}", "name", "cable0")
            _ip("-n", space, "addr", "add", f"{addresses[number]}/24", "dev", "cable0")
            for link in ("lo", "cable0"):
                _ip("-n", space, "link", "set", link, "up")
            table = folder / f"hosts-{number}"
            own = ["127.0.1.1", addresses[1]] if number == 0 else [addresses[0], "127.0.1.1"]
            table.write_text(f"127.0.0.1 localhost\n{own[0]} host-a\n{own[1]} host-b\n")
            hosts.append(Host(f"host-{'ab'[number]}", space, folder / folders[number], table))
        yield hosts[0], hosts[1]
    finally:
        for space in spaces:
            _ip("netns", "del", space, check=False)


def cut_cable(host: Host) -> None:
    """From here on no packet passes between the two hosts, and neither is told."""
    _ip("-n", host.namespace, "link", "set", "cable0", "down")


def mend_cable(host: Host) -> None:
    """Packets pass again."""
    _ip("-n", host.namespace, "link", "set", "cable0", "up")


def torchrun(
    hosts: Sequence[Host], arguments: Sequence[str], *launching: str, **environment: str
) -> list[subprocess.Popen[str]]:
    """`torchrun ... -m imagewright` with the same words on each host, as docs/scaling.md has it.

    arguments: of imagewright. launching: more options of torchrun.
    """
    return [start_torchrun(host, arguments, *launching, **environment) for host in hosts]


def start_torchrun(host: Host, arguments: Sequence[str], *launching: str, **environment: str) -> subprocess.Popen[str]:
    """`torchrun ... -m imagewright` on one host."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    launcher += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"host-a:{PORT}"]
    return host.start([*launcher, *launching, "-m", "imagewright", *arguments], **environment)


def ranks_on(hosts: Sequence[Host], function: Any, *arguments: Any, **options: Any) -> list[BaseProcess]:
    """Start a function of `workers.py` as a rank on each host; without torchrun, which would import torch again."""
    return [start(as_rank_on, hosts, rank, function, *arguments, **options) for rank in range(len(hosts))]


def as_rank_on(hosts: Sequence[Host], rank: int, function: Any, *arguments: Any, **options: Any) -> None:
    host = hosts[rank]
    enter(host)
    os.chdir(host.folder)
    place = {"RANK": rank, "GROUP_RANK": rank, "LOCAL_RANK": 0, "WORLD_SIZE": len(hosts), "LOCAL_WORLD_SIZE": 1}
    place |= {"MASTER_ADDR": "host-a", "MASTER_PORT": PORT + 1, "IMAGEWRIGHT_CACHE": host.folder / "cache"}
    os.environ.update({name: str(value) for name, value in place.items()})
    function(*arguments, **options)


def enter(host: Host) -> None:
    """Move this process to a host: its network, its host name, its table of hosts."""
    system = ctypes.CDLL(None, use_errno=True)
    new_mounts, new_name, new_network, private = 0x00020000, 0x04000000, 0x40000000, 1 << 18 | 1 << 14
    with open(f"/run/netns/{host.namespace}") as network:
        done = [system.setns(network.fileno(), new_network), system.unshare(new_mounts | new_name)]
    done.append(system.mount(b"none", b"/", None, private, None))
    done.append(system.mount(os.fsencode(host.table), b"/etc/hosts", None, 1 << 12, None))
    assert done == [0, 0, 0, 0], f"{done}: {os.strerror(ctypes.get_errno())}"
    socket.sethostname(host.name)


def outcomes(processes: Sequence[subprocess.Popen[str]], seconds: float = 120) -> list[tuple[int, str]]:
    """The exit code and the output of each process. What still runs after so many seconds is killed, and fails."""
    ends = time.monotonic() + seconds
    found = []
    for process in processes:
        try:
            text, _ = process.communicate(timeout=max(1.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill(process)
            text = process.communicate()[0] + "\n(killed by the test)"
        found.append((process.returncode, text))
    return found


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a process started, as torchrun starts ranks, by their numbers."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False
    )
    return sorted(int(number) for number in listed.stdout.split())


def kill(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started at once, as a power cut does."""
    for number in [*children(process), process.pid]:
        os.kill(number, signal.SIGKILL)


def wait_for(path: Path, seconds: float = 60) -> None:
    """Wait until a file is there."""
    ends = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < ends, f"{path} never came"
        time.sleep(0.05)


def _ip(*words: str, check: bool = True) -> bool:
    return subprocess.run(["ip", *words], capture_output=True, check=check).returncode == 0
