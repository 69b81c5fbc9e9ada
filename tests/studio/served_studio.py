"""A studio served in a thread, requests to it, and a walk through its pages in a browser."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from waiting import PATIENCE, wait_until
from websockets.sync.client import ClientConnection, connect

from imagewright.studio.pages.all_pages import PAGES
from imagewright.studio.serve import _listen
from imagewright.studio.serving.app import build_app
from imagewright.studio.serving.studio import Studio

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
TOKEN = "secret-of-the-tests"
_ENDING: list[threading.Thread] = []
Value = TypeVar("Value")


def entries_of(answer: bytes) -> list[dict[str, Any]]:
    """The entries of the pictures of an answer, each with its bytes as "content"."""
    start = 4 + int.from_bytes(answer[:4], "little")
    entries: list[dict[str, Any]] = json.loads(answer[4:start])["pictures"]
    for each in entries:
        each["content"], start = answer[start : start + each["bytes"]], start + each["bytes"]
    return entries


class ServedStudio:
    """A studio of a folder, on a free port or a given one.

    Attributes:
        studio: what its pages share.
        host: "127.0.0.1:PORT".
        room: the path below which all is that belongs to the user, without its last slash.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.studio = Studio(folder)
        listening = _listen(port)
        self.port = listening.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        app = build_app(self.studio, PAGES, TOKEN, self.port)
        self.room = app.room.rstrip("/")
        config = uvicorn.Config(
            app, log_level="error", lifespan="off", ws="websockets-sansio", ws_max_size=4 << 20,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started, "the server did not start")

    @property
    def cookie(self) -> dict[str, str]:
        """The header that signs in."""
        return {"Cookie": f"imagewright-{self.port}={TOKEN}"}

    def request(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """The status and the body of a request with exactly these headers.

        path: below the room; `outside` asks for others.
        """
        return self.outside(self.room + path, method=method, body=body, headers=headers)

    def outside(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """As `request`, of a path from the root."""
        asked = urllib.request.Request(f"http://{self.host}{path}", body, headers or {}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def live(self) -> ClientConnection:
        """A socket, as a page of the studio opens it."""
        origin = f"http://{self.host}"
        return connect(
            f"ws://{self.host}{self.room}/live", origin=origin, additional_headers=self.cookie, max_size=1 << 26
        )  # type: ignore[arg-type]

    def read(self, name: str) -> Any:
        """The answer of GET /api/NAME, as a page of the studio asks it."""
        status, body = self.request(f"/api/{name}", headers=self.cookie)
        assert status == 200, body
        return json.loads(body)

    def act(self, name: str, asked: dict[str, Any], *, expected: int = 200) -> Any:
        """The answer of POST /api/NAME."""
        headers = self.cookie | {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        status, body = self.request(f"/api/{name}", method="POST", body=json.dumps(asked).encode(), headers=headers)
        assert status == expected, body
        return json.loads(body)

    def upload(self, content: bytes, name: str = "picture.png", *, expected: int = 200) -> Any:
        """Send one picture."""
        headers = self.cookie | {"Origin": f"http://{self.host}"}
        status, body = self.request(f"/uploads?name={name}", method="POST", body=content, headers=headers)
        assert status == expected, body
        return json.loads(body)

    def run_id(self, name: str) -> str:
        """The id of a run by its name."""
        return next(each["id"] for each in self.read("library/runs")["runs"] if each["name"] == name)

    def source_id(self, name: str) -> str:
        """The id of a source by its name."""
        return next(each["id"] for each in self.read("library/sources")["sources"] if each["name"] == name)

    def close(self) -> None:
        """End it, and the jobs that still run."""
        for job in self.studio.jobs.running():
            self.studio.jobs.stop(job.id, at_once=True)
        for child in self.studio.jobs._children.values():
            child.wait(PATIENCE)
        self.studio.models.close()
        self._server.should_exit = True
        for thread in _ENDING:
            thread.join(PATIENCE)
        _ENDING[:] = [self._thread]  # it takes a fifth of a second, in which the next test begins


class Walk:
    """A walk through the pages, in a new tab of a window, from the page of an address on.

    Attributes:
        page: Playwright's page.
        said: errors and warnings of the console, and errors of the page.
        asked: the addresses that were asked for.
    """

    def __init__(self, window: Any, studio: ServedStudio, address: str = "home", width: int = 1280) -> None:
        self._studio = studio
        self._window = window
        self.page = window.new_page()
        self.page.set_viewport_size({"width": width, "height": 900})
        self.said: list[str] = []
        self.asked: list[str] = []
        self.allowed: tuple[str, ...] = ()  # parts of console messages that this test causes, such as a refusal
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.set_default_timeout(1000 * PATIENCE)
        self._go(f"http://{studio.host}/?token={TOKEN}", address)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def open(self, address: str) -> Any:
        """Open a page by its address, such as "steer?run=..."; returns Playwright's page."""
        self._go(f"http://{self._studio.host}{self._studio.room}/", address)
        return self.page

    def _go(self, studio: str, address: str) -> None:
        self.page.goto(f"{studio}#/{address}")
        self.page.wait_for_selector(f"main[data-page={address.split('?', maxsplit=1)[0]}][data-state=open]")

    def wait_until(self, holds: Callable[[], Value], said: Callable[[], object] | str = "") -> Value:
        """Wait until something holds, while the page goes on."""
        return wait_until(holds, said, pause=lambda seconds: self.page.wait_for_timeout(1000 * seconds))

    def has_sideways_scroll(self) -> bool:
        """Whether the page is wider than the window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def end(self) -> None:
        """Close its tabs, forget what it left in the browser, and check what it said and asked for."""
        empty, *opened = self._window.pages
        for page in opened:
            page.close()
        origins = {"origin": f"http://{self._studio.host}", "storageTypes": "all"}
        self._window.new_cdp_session(empty).send("Storage.clearDataForOrigin", origins)
        self._window.clear_cookies()
        said = [text for text in self.said if not any(part in text for part in self.allowed)]
        assert not said, said
        own = (f"http://{self._studio.host}/", f"ws://{self._studio.host}/", "blob:", "data:")
        assert all(url.startswith(own) for url in self.asked), self.asked
