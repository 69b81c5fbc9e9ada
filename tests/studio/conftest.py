"""A studio that is served, and a browser that walks through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra `studio`")
pytest.importorskip("uvicorn", reason="needs the extra `studio`")
from served_studio import CHROMIUM, FLAGS, ServedStudio, Walk


@pytest.fixture
def serve() -> Iterator[Callable[..., ServedStudio]]:
    """Serve a folder until the end of the test."""
    served: list[ServedStudio] = []

    def begin(folder: Path, port: int = 0) -> ServedStudio:
        served.append(ServedStudio(folder, port))
        return served[-1]

    yield begin
    for each in served:
        each.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Debian's Chromium. Tests that need it are skipped where it is not installed."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def window(browser: Any) -> Any:
    """One window, whose empty tab stays open: Chromium takes longer to open a window than to show a studio."""
    opened = browser.new_context(accept_downloads=True)
    opened.new_page()
    return opened


@pytest.fixture
def walk(window: object) -> Iterator[Callable[[ServedStudio], Walk]]:
    """Open a served studio in the browser. At its end the console is empty, and nothing left this host."""
    walks: list[Walk] = []

    def begin(studio: ServedStudio, address: str = "home", width: int = 1280) -> Walk:
        walks.append(Walk(window, studio, address, width))
        return walks[-1]

    yield begin
    for each in walks:
        each.end()
