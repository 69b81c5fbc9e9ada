"""`imagewright studio` as it is typed: the address, the end by Ctrl-C, mistakes; and a page that outlives it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served_studio import ServedStudio
from waiting import PATIENCE

from imagewright.studio.serving.models import Models


def start(folder: Path, *options: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    typed = [sys.executable, "-m", "imagewright", "studio", str(folder), *options]
    child = subprocess.Popen(typed, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    assert child.stdout is not None
    for line in child.stdout:
        if found := re.search(r"http://\S+", line):
            return child, found[0]
    raise AssertionError(child.wait())


def test_it_prints_its_address_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    child, address = start(tmp_path, "--no-browser")
    with child:
        host = address.split("/?")[0]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(host)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        assert b"<nav" in opener.open(address).read()
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_browser_is_opened_by_a_file_of_this_user(tmp_path: Path) -> None:
    """The command line of a browser, which all users of a machine see, has no token."""
    browser, noted = tmp_path / "browser", tmp_path / "noted"
    browser.write_text(f'#!/bin/sh\necho "$1" > {noted}\nstat -c %a "${{1#file://}}" >> {noted}\n')
    browser.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()
    child, address = start(folder, BROWSER=f"{browser} %s")
    with child:
        for _ in range(200):
            if noted.exists() and noted.read_text().count("\n") == 2:
                break
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.05)
        opened, mode = noted.read_text().split()
        token = address.split("token=")[1]
        assert opened.startswith("file://")
        assert token not in opened
        assert mode == "600"
        assert token in Path(opened.removeprefix("file://")).read_text()
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0
    assert list(folder.iterdir()) == []


def test_mistakes_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from imagewright.cli import main

    assert main(["studio", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
    file = tmp_path / "anna.mp4"
    file.write_bytes(b"")
    assert main(["studio", str(file)]) == 2
    assert "anna.mp4 is a file" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["studio", str(tmp_path), "--port", str(taken.getsockname()[1]), "--no-browser"]) == 2
    assert "--port" in capsys.readouterr().err


def test_the_missing_extra_is_said(tmp_path: Path) -> None:
    """In a process of its own: modules that are imported anew are other ones than those that the other tests know."""
    absent = ("uvicorn", "starlette.applications", "websockets")
    tried = (
        "import sys; from imagewright.cli import main\n"
        f"for absent in {absent}:\n"
        "    for name in [each for each in sys.modules if each.startswith('imagewright.studio.')]:\n"
        "        del sys.modules[name]\n"
        "    kept, sys.modules[absent] = sys.modules.get(absent), None\n"
        f"    print(main(['studio', {str(tmp_path)!r}, '--no-browser']))\n"
        "    sys.modules[absent] = kept\n"
        "    if kept is None: del sys.modules[absent]\n"
    )
    done = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.split() == ["2"] * len(absent)
    assert done.stderr.count("pip install 'imagewright[studio]'") == len(absent)


def test_a_page_says_that_the_studio_has_ended(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    studio = serve(tmp_path)
    walked = walk(studio)
    walked.allowed = ("WebSocket", "ERR_CONNECTION_REFUSED", "dynamically imported module")
    walked.page.locator("nav small").get_by_text(tmp_path.name).wait_for()
    studio.close()
    walked.page.locator(".toast.bad").get_by_text("The studio does not answer").wait_for()
    walked.page.locator("nav").get_by_text("Learn").click()
    walked.page.wait_for_selector("main[data-state=failed]")
    assert "http" not in walked.page.locator("main").inner_text()


@pytest.mark.parametrize("limit", [{"budget": 1}, {"most": 1}])
def test_models_that_do_not_fit_leave(tmp_path: Path, limit: dict[str, int]) -> None:
    from tiny import train_tiny

    from imagewright.studio.serving.library import Library

    for name in ("one", "two"):
        train_tiny("autoencoder", out=tmp_path / name)
    library = Library(tmp_path)
    models = Models(library, **limit)
    one, two = (run.id for run in library.runs())
    first = models.call(one, lambda loaded: id(loaded.model))
    assert models.call(one, lambda loaded: id(loaded.model)) == first
    models.call(two, lambda loaded: None)
    assert [key for key, _ in models.loaded()] == [two]
    with pytest.raises(ZeroDivisionError):
        models.call(two, lambda loaded: 1 // 0)
    models.close()


def test_what_pages_keep_beside_a_model_counts(tmp_path: Path) -> None:
    import numpy as np
    import torch
    from tiny import train_tiny

    from imagewright.studio.serving.library import Library

    for name in ("one", "two"):
        train_tiny("autoencoder", out=tmp_path / name)
    library = Library(tmp_path)
    models = Models(library, budget=3_000_000)
    one, two = (run.id for run in library.runs())
    models.call(one, lambda loaded: None)
    models.call(two, lambda loaded: None)
    (weights, _) = models.loaded().values()

    def keep(loaded: Any) -> None:
        latents = torch.zeros(500_000)
        loaded.kept["latents"] = {"of": [latents, latents[7:]], "model": loaded.model, "levels": np.zeros(1000)[::2]}

    models.call(one, keep)  # the views and the model's own weights count once
    assert {key[0]: size for key, size in models.loaded().items()} == {one: weights + 2_008_000, two: weights}
    models.call(two, keep)
    assert {key[0]: size for key, size in models.loaded().items()} == {two: weights + 2_008_000}
    models.close()
