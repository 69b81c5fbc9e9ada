"""The path of a studio: what a browser sends where, and what a tab of an ended studio says."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from served_studio import TOKEN, ServedStudio, Walk


class Neighbour:
    """A server of another user on another port of 127.0.0.1; it notes what browsers send.

    Attributes:
        address: of its page, which loads a picture and shows a frame of itself.
        got: the path and the cookie of each request.
    """

    def __init__(self) -> None:
        self.got: dict[str, str | None] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.got[self.path] = self.headers.get("cookie")
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("set-cookie", "own=1")
                self.end_headers()
                framed = self.path == "/framed"
                self.wfile.write(b"in a frame" if framed else b"<img src=/picture><iframe src=/framed></iframe>")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    found = Neighbour()
    yield found
    found.close()


def test_a_server_on_another_port_receives_no_cookie(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk], neighbour: Neighbour
) -> None:
    studio = serve(tmp_path)
    page = walk(studio).page
    kept = page.context.cookies()
    assert [(each["name"], each["path"]) for each in kept] == [(f"imagewright-{studio.port}", f"{studio.room}/")]
    other = page.context.new_page()
    other.goto(f"{neighbour.address}/typed")
    other.frame_locator("iframe").get_by_text("in a frame").wait_for()
    other.goto(f"http://{studio.host}{studio.room}/")
    other.wait_for_selector("main[data-state=open]")
    with other.expect_navigation():
        other.evaluate(f"location.href = '{neighbour.address}/linked'")
    other.frame_locator("iframe").get_by_text("in a frame").wait_for()
    assert neighbour.got.keys() >= {"/typed", "/picture", "/framed", "/linked"}
    assert neighbour.got["/linked"] == "own=1"  # cookies do come here, but those of the studio
    assert not any("imagewright" in (cookie or "") for cookie in neighbour.got.values())
    # What the neighbour would have to name it does not learn from the page that led there either.
    assert other.evaluate("document.referrer") == ""


def test_the_token_is_in_no_address_that_is_kept(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk]
) -> None:
    """Opened by a file, as `imagewright studio` opens the browser, which Chromium takes for another site."""
    studio = serve(tmp_path)
    page = walk(studio).page.context.new_page()
    opened = tmp_path / "open.html"
    opened.write_text(f'<meta http-equiv="refresh" content="0; url=http://{studio.host}/?token={TOKEN}">')
    page.goto(opened.as_uri())
    page.wait_for_selector("main[data-state=open]")
    assert page.url == f"http://{studio.host}{studio.room}/"
    assert page.evaluate("history.length") <= 2  # the blank tab, the page


@pytest.mark.learning
def test_two_studios_in_one_browser(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk]
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = serve(tmp_path / "one"), serve(tmp_path / "two")
    page = walk(one).page
    other = page.context.new_page()
    other.goto(f"http://{two.host}/?token={TOKEN}")
    for each, folder in ((page, "one"), (other, "two"), (page, "one")):
        each.reload()
        each.wait_for_selector("main[data-state=open]")
        each.locator("nav small").get_by_text(folder).wait_for()
    assert one.request("/", headers=two.cookie)[0] == 401
    other.goto(f"http://{two.host}{one.room}/")
    assert "imagewright studio" in other.locator("body").inner_text()


def test_a_tab_of_an_ended_studio_says_that_another_one_was_started(
    tmp_path: Path, serve: Callable[..., ServedStudio], walk: Callable[..., Walk]
) -> None:
    studio = serve(tmp_path)
    walked = walk(studio)
    walked.allowed = ("WebSocket", "ERR_CONNECTION_REFUSED", "401")
    page = walked.page
    studio.close()
    page.locator(".toast.bad").get_by_text("The studio does not answer").wait_for()
    studio._thread.join(10)
    serve(tmp_path, studio.port)
    page.locator(".toast.bad").get_by_text("Another one was started").wait_for()
    assert page.locator(".toast.bad").count() == 1
    page.locator("nav").get_by_text("Train").click()
    page.locator("main").get_by_text("Open the address").wait_for()


def test_the_studio_starts_without_the_networks() -> None:
    """They take seconds to import, and the first page is there before."""
    started = "import sys, imagewright.studio.pages.all_pages, imagewright.studio.serving.app"
    found = subprocess.run(
        [sys.executable, "-c", f"{started}; print({{'torch', 'scipy', 'sklearn'}} & set(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "set()"
