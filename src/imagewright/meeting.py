"""The ranks meet before their group is joined: which host each is on, and over which network the hosts speak.

Gloo listens at the address that its host has for its own name. On many systems that is 127.0.1.1, which other hosts
cannot reach: they wait until the timeout. So each rank finds the address by which it reaches the main rank's host, the
main rank's host is told by the others how they reach it, and gloo is given the interface of that address.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import struct
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagewright.errors import TrainingError, UserError
from imagewright.versions import version_of

if TYPE_CHECKING:
    from collections.abc import Sequence

try:
    import fcntl
except ImportError:  # Windows: gloo chooses by itself there
    fcntl = None  # type: ignore[assignment]

INTERFACE = "GLOO_SOCKET_IFNAME"
POLL_SECONDS = 0.05
SIOCGIFADDR = 0x8915  # asks Linux for the IPv4 address of an interface


@dataclass(frozen=True)
class Place:
    """Where a rank is.

    host: the name of its machine.
    node: the number of its machine, from 0.
    address: its own IPv4 address towards the main rank's host; "" if it has none.
    main: the main rank's address as it sees it; "" if it sees none.
    version: of imagewright.
    command: the first word of its command; "" if it is no command of imagewright.
    mark: of this process in this meeting; no other has it, so that it is told from one before a restart.
    """

    host: str
    node: int
    address: str
    main: str
    version: str
    command: str
    mark: str


def meet(rank: int, world: int, node: int, patience: timedelta) -> tuple[Any, list[Place]]:
    """The store of the ranks, and where each rank is.

    node: the number of this machine.
    patience: how long to wait for the others.

    Raises `TrainingError` if a rank does not come, `UserError` if the versions of imagewright or the commands differ.
    """
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    try:
        store, *_ = next(rendezvous("env://", rank=rank, world_size=world, timeout=patience))
        store.set_timeout(patience)
        store = PrefixStore("imagewright", store)
        own, main = addresses_towards(os.environ.get("MASTER_ADDR", ""))
        place = Place(socket.gethostname(), node, own, main, version_of("imagewright"), command(), uuid.uuid4().hex)
        places = _lead(store, place, world, patience) if rank == 0 else _follow(store, place, rank, world, patience)
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise TrainingError(
            f"Rank {rank} of {world} on {socket.gethostname()} cannot reach the meeting place of the ranks, {where}. "
            f"Start all processes with torchrun, and name a host that all reach. ({_first_line(error)})"
        ) from None
    for number, other_place in enumerate(places):
        if other_place.version != places[0].version:
            raise UserError(
                f"The hosts have different versions of imagewright: {places[0].version} on {places[0].host} (rank 0), "
                f"{other_place.version} on {other_place.host} (rank {number}). Install the same one on each."
            )
        if other_place.command != places[0].command:
            raise UserError(
                f"The processes run different commands: `{places[0].command}` on {places[0].host} (rank 0), "
                f"`{other_place.command}` on {other_place.host} (rank {number}). Start the same command on each host."
            )
    return PrefixStore(places[0].mark, store), places


def _lead(store: Any, place: Place, world: int, patience: timedelta) -> list[Place]:
    """The main rank's part in a meeting: it names the meeting, waits for the place of each rank, and tells all of them.

    The store of `torchrun` outlives the ranks that it restarts, so that what ranks wrote before a restart is still in
    it: their addresses, at which nobody listens any more. Each meeting has keys of its own, below its name, which is
    the mark of the main rank.
    """
    meeting = place.mark
    store.set(f"{meeting} place 0", json.dumps(asdict(place)))
    store.set("meeting", meeting)
    places = [place]
    for other in range(1, world):
        try:
            places.append(Place(**json.loads(store.get(f"{meeting} place {other}"))))
        except RuntimeError as error:
            raise _absent(other, world, patience, _first_line(error)) from None
    store.set(f"{meeting} places", json.dumps([asdict(each) for each in places]))
    return places


def _follow(store: Any, place: Place, rank: int, world: int, patience: timedelta) -> list[Place]:
    """The part of another rank: it tells its place to the meeting, until it finds itself among those who have met.

    A meeting without this very rank is one from before a restart: the main rank has not named the new one yet.
    """
    ends = time.monotonic() + patience.total_seconds()
    told = ""
    while time.monotonic() < ends:
        if not store.check(["meeting"]):
            time.sleep(POLL_SECONDS)
            continue
        meeting = store.get("meeting").decode()
        if meeting != told:
            store.set(f"{meeting} place {rank}", json.dumps(asdict(place)))
            told = meeting
        if store.check([f"{meeting} places"]):
            places = [Place(**each) for each in json.loads(store.get(f"{meeting} places"))]
            if rank < len(places) and places[rank] == place:
                return places
        time.sleep(POLL_SECONDS)
    others = (other for other in range(world) if not (told and store.check([f"{told} place {other}"])))
    raise _absent(next(others, 0), world, patience, "nothing was heard of it")


def _absent(other: int, world: int, patience: timedelta, reason: str) -> TrainingError:
    return TrainingError(
        f"Rank {other} of {world} has not come within {patience.total_seconds() / 60:g} minutes: is torchrun "
        f"running on each host, with the same --nnodes and the same --rdzv-endpoint? ({reason})"
    )


def choose_interface(places: Sequence[Place], rank: int) -> str | None:
    """The name of the network interface over which this rank reaches the other hosts.

    None if all ranks are on one host, if the user named one by GLOO_SOCKET_IFNAME, or if it is not known.
    """
    own = places[rank]
    if os.environ.get(INTERFACE) or all(place.node == own.node for place in places):
        return None
    address = own.address
    if not _reaches_others(address):  # this is the main rank's host, whose name is its loopback
        told = [place.main for place in places if place.node != own.node and _reaches_others(place.main)]
        address = told[0] if told else ""
    return interface_of(address)


def command() -> str:
    """The first word of this process's command, such as "train"; "" if it is no command of imagewright."""
    program = Path(sys.argv[0])
    ours = program.name == "imagewright" or (program.name, program.parent.name) == ("__main__.py", "imagewright")
    return next((word for word in sys.argv[1:] if not word.startswith("-")), "") if ours else ""


def addresses_towards(host: str) -> tuple[str, str]:
    """The IPv4 address of this machine towards a host, and the host's as this machine knows it; "" if not known."""
    with suppress(OSError):
        # Connecting a datagram socket sends nothing: the system chooses the route, and so the address.
        target = socket.getaddrinfo(host, 9, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0]), str(target[0])
    return "", ""


def interface_of(address: str) -> str | None:
    """The name of the interface that has an IPv4 address; None if none has it, or if it cannot be asked for."""
    if fcntl is None or not address:
        return None
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                answer = fcntl.ioctl(asked.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                if socket.inet_ntoa(answer[20:24]) == address:
                    return name
    return None


def unconnected(error: RuntimeError, places: Sequence[Place], rank: int) -> TrainingError:
    """The error of a rank whose connections to the others could not be made."""
    hosts = sorted({place.host for place in places if place.node != places[rank].node})
    named = os.environ.get(INTERFACE)
    now = f"{INTERFACE}={named} was used" if named else f"{INTERFACE} is not set"
    return TrainingError(
        f"Rank {rank} of {len(places)} on {places[rank].host} cannot connect to the others"
        f"{' on ' + ', '.join(hosts) if hosts else ''}. Name the network that joins the hosts by {INTERFACE} ({now}; "
        f"`ip addr` lists them), and let no firewall stand between them. ({_first_line(error)})"
    )


def _reaches_others(address: str) -> bool:
    return bool(address) and not ipaddress.ip_address(address).is_loopback


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
