"""What holds for all tests: a cache folder of their own, small grids, no ranks, no flushing, few collections."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_order import order_of_files, places_from
from small_grids import use_small_grids, use_usual_grids

from imagewright.wording import command_line_words

SHARED = Path(__file__).resolve().parents[2] / "shared"

# Importing all tests leaves a million objects, which stay: looking through them for cycles takes seconds.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    """Where processes share all tests, each begins to collect elsewhere, so that no two compile the same test file."""
    worker = getattr(config, "workerinput", None)
    if worker is not None and config.args == config.getini("testpaths"):
        share = int(worker["workerid"].removeprefix("gw")) / worker["workercount"]
        config.args = places_from(Path(__file__).parent, share)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the files, which they take in this order."""
    if hasattr(config, "workerinput"):
        places = order_of_files([item.nodeid for item in items])
        items.sort(key=lambda item: places[item.nodeid.split("::")[0]])


def pytest_collection_finish() -> None:
    """From here on cycles are looked for, but not among what was imported, and not after every 700 new objects."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prepared pictures go to a folder of this session, never to the user's own cache. Files are not flushed."""
    import torch

    use_small_grids()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
            patch.delenv(name, raising=False)
        # Only a loss of power would tell the difference. Tests of flushing put their own in this place.
        patch.setattr(os, "fsync", lambda descriptor: None)
        if not torch.accelerator.is_available():
            # Else each call stores where it was made, for each kind of accelerator, in case that one is used later.
            patch.setattr(torch, "manual_seed", torch.default_generator.manual_seed)
        yield


@pytest.fixture
def usual_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grids as people see them: tiny pictures are enlarged."""
    use_usual_grids(monkeypatch)


@pytest.fixture(scope="session")
def shared_parity() -> Path:
    """The parity cases beside the repository; the test is skipped where they are absent."""
    folder = SHARED / "parity"
    if not (folder / "parity.py").is_file():
        pytest.skip("the parity cases (../shared/parity) are not on this machine")
    return folder


@pytest.fixture(autouse=True)
def words_of_the_command_line() -> Iterator[None]:
    """Messages are compared as they are written, in the words of the command line; `test_wording.py` tests Python's."""
    with command_line_words():
        yield
