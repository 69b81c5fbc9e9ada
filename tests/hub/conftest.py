"""A hub on this machine for each test, and one tiny run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import TOKEN, Hub, serving_hub
from huggingface_hub import close_session, constants
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.runs.run import Run


@pytest.fixture(scope="session")
def server() -> Iterator[Hub]:
    """One server for all tests."""
    with serving_hub() as found:
        yield found
        close_session()


@pytest.fixture
def hub(server: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    """An empty hub that the library asks instead of the public one, with a login, and a folder to work in."""
    server.clear()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its store speaks LFS
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no_token"))
    monkeypatch.chdir(tmp_path)
    return server


PUBLISHED: dict[str, bytes] = {}


@pytest.fixture
def pushed(run: Run, hub: Hub) -> Hub:
    """A hub to which the run was pushed as anna/vae; once for all tests."""
    if PUBLISHED:
        hub.add("anna/vae", PUBLISHED)
    else:
        iw.push(run, "anna/vae", license="MIT")
        PUBLISHED.update(hub.files("anna/vae"))
        hub.requests.clear()
    return hub


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny VAE of pictures in a folder whose name is nobody's business; two checkpoints, and a score."""
    return train_tiny("vae", simple_pictures(24), tmp_path_factory.mktemp("secret") / "vae", checkpoint_every=16)
