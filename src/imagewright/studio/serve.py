"""`open_studio`: serve the studio of a folder on 127.0.0.1 until Ctrl-C, and open the browser."""

from __future__ import annotations

import atexit
import html
import os
import secrets
import socket
import sys
import threading
import warnings
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from imagewright.errors import UserError

PORT = 8421
PORTS_TRIED = 20
CLOSING_SECONDS = 1  # for requests that are being answered when the studio ends


def open_studio(
    folder: str | Path = ".",
    *,
    port: int | None = None,
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the studio until Ctrl-C. Needs the extra `studio`.

    folder: whose runs and pictures are shown; what is made goes into it.
    port: by default 8421, or the next one that is free.
    browser: whether to open the user's browser.
    say: called with the address.
    Raises `UserError` for a folder that is none, a port that is taken, and without the extra.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        what = f"{place} is a file" if place.exists() else f"There is no folder {place}"
        raise UserError(f"{what}: name the folder of your runs and pictures.")
    try:
        import uvicorn
        import websockets  # noqa: F401 (needed by uvicorn when it begins to serve)

        from imagewright.studio.pages.all_pages import PAGES
        from imagewright.studio.serving.app import build_app
        from imagewright.studio.serving.memory import keep_memory_together
        from imagewright.studio.serving.studio import Studio
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("imagewright"):
            raise
        raise UserError(f"The studio needs {error.name}: pip install 'imagewright[studio]'.") from None
    keep_memory_together()
    listening = _listen(port)
    chosen, token = listening.getsockname()[1], secrets.token_urlsafe(24)
    address = f"http://127.0.0.1:{chosen}/?token={token}"
    studio = Studio(place)
    settings = uvicorn.Config(
        build_app(studio, PAGES, token, chosen),
        log_level="error",
        lifespan="off",
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # it costs more time than it saves on one machine
        ws_max_size=4 << 20,
        timeout_graceful_shutdown=CLOSING_SECONDS,
        server_header=False,
    )
    say(f"The studio of {place.resolve()} is at\n  {address}\nCtrl-C ends it; trainings that it started go on.")
    if browser:
        _later(0.2, lambda: _open_browser(address, place))
    # Ctrl-C may come between the making of the server's coroutine and its first step.
    warnings.filterwarnings("ignore", r"coroutine 'Server\.serve' was never awaited", RuntimeWarning)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])
    studio.models.close()
    running = len(studio.jobs.running())
    if running:
        say(f"{running} of its jobs still run{'s' if running == 1 else ''}: a new studio of this folder shows them.")


def _listen(port: int | None) -> socket.socket:
    """A socket on a free port of 127.0.0.1."""
    for number in [port] if port is not None else [*range(PORT, PORT + PORTS_TRIED), 0]:
        found = socket.socket()
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(("127.0.0.1", number))
        except OSError:
            found.close()
            continue
        found.listen(128)
        return found
    raise UserError(f"Port {port} of 127.0.0.1 is taken or not allowed: give another one by --port.")


def _later(seconds: float, work: Callable[[], None]) -> None:
    """Do something in so many seconds, unless the studio has ended by then."""
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


def _open_browser(address: str, folder: Path) -> None:
    """Open the browser by a file that only this user can read: its command line, which others see, has no token."""
    page = folder / f"open-studio-{secrets.token_hex(4)}.html"
    try:
        with open(os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f'<meta http-equiv="refresh" content="0; url={html.escape(address)}">\n')
    except OSError:  # a folder that cannot be written: the printed address is there
        return
    atexit.register(page.unlink, missing_ok=True)
    _later(15, lambda: page.unlink(missing_ok=True))
    with suppress(webbrowser.Error):
        if not webbrowser.open(page.resolve().as_uri()):
            print("No browser could be opened: open the address by hand.", file=sys.stderr)
