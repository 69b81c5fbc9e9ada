"""Commands typed on two ranks that stay alive for all of them, so that torch is imported once."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from translators import register
from workers import free_port, start

from imagewright import distributed
from imagewright.errors import ConfigError, DataError
from imagewright.shared_work import shared_map, sharing_work, wait_for_all
from imagewright.statistics.moments import mean_and_variance
from imagewright.statistics.spectra import leading_spectrum


@dataclass(frozen=True)
class Typed:
    """How one rank ended a command: the exit code, what it printed, and what it wrote outside of the cache."""

    code: int
    out: str
    error: str
    written: list[str]


def type_on_ranks(commands: Sequence[Sequence[str]], notes: Path, world: int = 2) -> list[list[Typed]]:
    """Type commands one after another on all ranks. For each command, how each rank ended it."""
    notes.mkdir()
    ports = [free_port() for _ in commands]
    processes = [start(type_as_rank, rank, world, ports, commands, notes) for rank in range(world)]
    for process in processes:
        process.join(900)  # a busy machine takes minutes
    alive = [process.is_alive() for process in processes]
    for process in processes:
        process.kill()
    texts = [[path.read_text() if path.is_file() else "" for path in notes.glob(f"{rank}-*")] for rank in range(world)]
    assert not any(alive), texts
    return [
        [Typed(**json.loads((notes / f"{rank}-{number}.json").read_text())) for rank in range(world)]
        for number in range(len(commands))
    ]


def type_as_rank(rank: int, world: int, ports: Sequence[int], commands: Sequence[Sequence[str]], notes: Path) -> None:
    """What one rank does. Each command has a port of its own, since a rank may begin the next before the other ends."""
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1"}
        os.environ.update({name: str(value) for name, value in place.items()})
        for number, (port, command) in enumerate(zip(ports, commands, strict=True)):
            os.environ["MASTER_PORT"] = str(port)
            (notes / f"{rank}-{number}.json").write_text(json.dumps(vars(type_here(command))))


def type_here(command: Sequence[str]) -> Typed:
    """Type a command in this process."""
    from imagewright.cli import main

    out, error = io.StringIO(), io.StringIO()
    with _written() as written, contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = main(command)
    return Typed(code, out.getvalue(), error.getvalue(), written)


@contextlib.contextmanager
def _written() -> Iterator[list[str]]:
    """The files that get their names in the block, outside of the cache."""
    replace, names = Path.replace, []

    def note(self: Path, target: Path) -> Path:
        if not Path(target).is_relative_to(os.environ["IMAGEWRIGHT_CACHE"]):
            names.append(str(target))
        return replace(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", note)
        yield names


def score_until_killed(rank: int, port: int, run: Path, pictures: Path, notes: Path) -> None:
    """Two ranks score pictures; the second is killed at its first picture."""
    from imagewright.verbs import apply

    def wait_and_die(*given: Any) -> Any:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)

    if rank == 1:
        apply.to_float = wait_and_die  # type: ignore[assignment]
    type_as_rank(rank, 2, [port], [["score", str(run), str(pictures), "--out", str(notes / "scores.csv")]], notes)


class Waves:
    """A stream of pictures, sines of three frequencies in noise, whose batches can be read in part."""

    labels, read, stops = None, 0, False

    def __init__(self, count: int, pixels: int) -> None:
        generator = torch.Generator().manual_seed(0)
        waves = (torch.arange(pixels) * torch.tensor([[0.1], [0.2], [0.3]])).sin() * torch.tensor([[3.0], [2.0], [1.0]])
        noise = torch.randn(count, pixels, generator=generator)
        self.pictures = torch.randn(count, 3, generator=generator) @ waves + 0.1 * noise

    def __len__(self) -> int:
        return len(self.pictures)

    def batches(self, batch_size: int) -> Iterator[torch.Tensor]:
        yield from self.pictures.split(batch_size)

    def some_batches(self, batch_size: int, first: int, step: int) -> Iterator[torch.Tensor]:
        for batch in list(self.pictures.split(batch_size))[first::step]:
            if self.stops:
                raise KeyboardInterrupt
            self.read += 1
            yield batch


def share_as_rank(rank: int, port: int, notes: Path) -> None:
    """Shared maps and sums, and errors that only rank 1 meets: in an item, outside of any, and as Ctrl-C in a pass."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})

    def square(number: int) -> int:
        if number == 3 and waves.stops:
            raise DataError("picture 3")
        return number**2

    def refuse() -> None:
        if rank == 1:
            raise ConfigError("rank 1 alone")
        wait_for_all()

    waves, found = Waves(700, 2), {}
    with distributed.process_group("cpu"):
        with sharing_work():
            found["squares"] = list(shared_map(square, range(5)))
            found["mean"], found["variance"] = mean_and_variance(waves)
            found["read"] = waves.read
            found["spectrum"] = leading_spectrum(Waves(1100, 2100), 3, None, 0)
        failures = []
        waves.stops = rank == 1
        for work in (lambda: list(shared_map(square, range(5))), refuse, lambda: mean_and_variance(waves)):
            try:
                with sharing_work():
                    work()
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (compared by the test)
                failures.append(f"{type(error).__name__}: {error}")
    torch.save(found | {"failures": failures}, notes / f"found-{rank}")
