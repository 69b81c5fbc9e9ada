"""Mutated files of every kind end in a picture, or in one sentence that names the file: never in another error.

`FUZZ_FILES=2000` tries so many mutations of each file (from `FUZZ_FROM` on), `FUZZ_SEED=17` this one alone. `make
quality` tries for some minutes.
"""

from __future__ import annotations

import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import whole_files
from file_mutations import mutate

import imagewright as iw
from imagewright.checkpoints.containers import state_dicts
from imagewright.checkpoints.reading import read_checkpoint
from imagewright.errors import UserError
from imagewright.images.decoding.formats import Unreadable, decode, decode_numbers, read_header
from imagewright.images.sources.finding import find_source
from imagewright.output.inspecting import inspect_file
from imagewright.pretrained.torchscript_archives import read_torchscript

FEW = 25
PROCESSOR_SECONDS = 60  # for a file whose reading takes thousandths of one: it must not go on for ever
MOST_MEMORY = 700  # MiB that a mutated file of some kilobytes may add
# Seeds that once ended in another error, by the name of the file.
FOUND_FAULTS: dict[str, tuple[int, ...]] = {"packed.tar.xz": (48,), "script.pt": (331, 473)}


def seeds(name: str) -> list[int]:
    if "FUZZ_SEED" in os.environ:
        return [int(os.environ["FUZZ_SEED"])]
    first, many = int(os.environ.get("FUZZ_FROM", "0")), int(os.environ.get("FUZZ_FILES", str(FEW)))
    return sorted({*range(first, many), *FOUND_FAULTS.get(name, ())})


@contextmanager
def bounded() -> Iterator[None]:
    """End the block if it takes a minute of the processor, and fail if it takes much memory."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {PROCESSOR_SECONDS} s of the processor")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    earlier = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, PROCESSOR_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, earlier)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MOST_MEMORY, f"{grown:.0f} MiB"


def check_one(work: Callable[[], object]) -> str | None:
    """What is wrong with how `work` ended, or None: it may return, or raise one sentence for the user."""
    try:
        # Warnings are errors in tests, and what Pillow warns of must not reach a user either.
        work()
    except (UserError, Unreadable) as error:
        return None if "\n" not in str(error) and str(error) and len(str(error)) < 2000 else f"message {str(error)!r}"
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
    return None


def fuzz(name: str, content: bytes, folder: Path, readers: list[Callable[[Path], object]]) -> None:
    """Mutate a file once for each seed and read it in each way. All failures are told, with their seeds."""
    failures: list[str] = []
    for seed in seeds(name):
        path = folder / name
        path.write_bytes(mutate(content, seed))
        for reader in readers:
            with bounded():
                wrong = check_one(lambda reader=reader, path=path: reader(path))  # type: ignore[misc]
            if wrong:
                failures.append(f"FUZZ_SEED={seed} {reader.__name__}: {wrong[:300]}")
    assert not failures, "\n".join(failures)


# Pictures


def as_colours(path: Path) -> object:
    return decode(path.read_bytes(), 3)


def as_numbers(path: Path) -> object:
    return decode_numbers(path.read_bytes())


def as_header(path: Path) -> object:
    return read_header(path.read_bytes())


@pytest.mark.parametrize("name", whole_files.pictures())
def test_mutated_pictures(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = whole_files.pictures()[name]
    (tmp_path / name).write_bytes(content)
    assert inspect_file(tmp_path / name)["width"] in {24, 17}
    assert min(decode(content, 3).size) == 17
    fuzz(name, content, tmp_path, [as_header, as_colours, as_numbers, inspect_file])
    assert capfd.readouterr() == ("", "")  # also of libtiff, which writes past Python


# Sets of pictures


def as_set(path: Path) -> object:
    source = find_source(path, None)
    return [source.name(index) for index in range(len(source))], list(source.read(np.arange(len(source))))


def as_survey(path: Path) -> object:
    return iw.check(path, workers=1).lines()


@pytest.mark.parametrize("name", whole_files.sources())
def test_mutated_sets(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = whole_files.sources()[name]
    readers: list[Callable[[Path], object]] = [as_set, as_survey]
    if name != "single.npz":
        (tmp_path / name).write_bytes(content)
        as_set(tmp_path / name)
    fuzz(name, content, tmp_path, readers + ([inspect_file] if name.endswith(".npz") else []))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", whole_files.texts())
def test_mutated_tables(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(whole_files.pictures()["plain.png"])

    def as_labels(path: Path) -> object:
        return iw.open_images(folder, labels=path).class_names

    fuzz(name, whole_files.texts()[name], tmp_path, [as_labels])


# Weights


def as_checkpoint(path: Path) -> object:
    return state_dicts(read_checkpoint(path))


@pytest.mark.parametrize("name", whole_files.weights())
def test_mutated_weights(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = whole_files.weights()[name]
    reader: Callable[[Path], object] = read_torchscript if name == "script.pt" else as_checkpoint
    (tmp_path / name).write_bytes(content)
    assert reader(tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of types that it is about to drop
        fuzz(name, content, tmp_path, [reader, *([inspect_file] if name.endswith((".npz", ".safetensors")) else [])])
    assert capfd.readouterr() == ("", "")
