"""Who may talk to the studio: the browser of the user who started it, by the address that it printed.

Any page on the web can open http://127.0.0.1:PORT or a socket to it, directly or by a name of its own that resolves to
this machine (DNS rebinding), and any user of this machine can connect to the port. So each request must name a host
that is served, each socket and each request that changes something must come from a page of the studio, and all but
the first must carry the cookie that the link with the token sets.

Cookies know no ports: a browser sends those of 127.0.0.1 to the servers of all users of this machine. But they know
paths. All that holds something of the user is below a path that nobody can guess, and the cookie is of that path.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SEALS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
SAFE = ("GET", "HEAD")
OWN_SITE = ("none", "same-origin")  # where a request comes from; "same-site" is a page of another port of this machine
FILES = "/web/"  # of the pages; they hold nothing of the user, and are served to everybody
MOST_READ = 65536  # bytes of the body of a request that is refused
NOT_SIGNED_IN = "Open the address that `imagewright studio` printed: it signs this browser in."
REFUSED = 1008  # the close code of a socket for a breach of policy


class Guard:
    """An ASGI application that passes on what the browser of the user sends, and refuses everything else.

    Attributes:
        room: the path of the page and of all that it asks for, such as "/8kd.../"; a new one for each studio. The
            application behind sees addresses below it.

    app: the application behind it.
    token: the secret of the printed address.
    port: that is served; it is in the names of the hosts and of the cookie, since cookies know no ports.
    """

    def __init__(self, app: Any, token: str, port: int) -> None:
        self._app, self._token = app, token.encode()
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._origins = {f"http://{host}" for host in self._hosts}
        self._cookie = f"imagewright-{port}"
        self.room = f"/{secrets.token_urlsafe(18)}/"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers, path = _headers_of(scope), scope["path"]
        is_socket = scope["type"] == "websocket"
        if refusal := self._refusal(scope, headers, is_socket=is_socket):
            await (_close(receive, send, refusal) if is_socket else _refuse(scope, receive, send, refusal))
        elif path.startswith(self.room) and self._is_token(self._cookie_of(headers)):
            await self._app(scope | {"root_path": self.room[:-1]}, receive, _sealed(send))
        elif is_socket:
            await _close(receive, send, NOT_SIGNED_IN)
        elif path.startswith(FILES):
            await self._app(scope, receive, _sealed(send))
        elif path == "/" and self._is_token(_token_of(scope)):
            cookie = f"{self._cookie}={self._token.decode()}; Path={self.room}; HttpOnly; SameSite=Strict"
            await _respond(send, 303, "", [(b"location", self.room.encode()), (b"set-cookie", cookie.encode())])
        elif path == self.room and not _is_of_own_site(headers):
            # A file that opened the printed address led here, and the browser sends the cookie only where we lead.
            await _respond(send, 200, "", [(b"refresh", f"0; url={self.room}".encode())])
        else:
            await _respond(send, 401, NOT_SIGNED_IN)

    def _refusal(self, scope: Any, headers: Mapping[str, str], *, is_socket: bool) -> str | None:
        if headers.get("host", "").lower() not in self._hosts:
            return "The studio does not serve this address."
        changes = is_socket or scope.get("method") not in SAFE
        if changes and headers.get("origin", "").lower() not in self._origins:
            return "This request does not come from a page of the studio."
        if not _is_of_own_site(headers) and scope["path"] not in ("/", self.room):
            return "This request comes from a page of another site."
        return None

    def _is_token(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode(), self._token)

    def _cookie_of(self, headers: Mapping[str, str]) -> str:
        """The cookie of this studio. Those of other programs on this machine are passed over, however they look: the
        cookies of all ports come together, and `http.cookies` reads none if one of them has a value in JSON.
        """
        pairs = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
        return next((value for name, _, value in pairs if name == self._cookie), "")


def _headers_of(scope: Any) -> dict[str, str]:
    """The headers by name; of a name that is sent twice both values, so that no host or origin is equal to it."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found


def _is_of_own_site(headers: Mapping[str, str]) -> bool:
    return headers.get("sec-fetch-site", "none") in OWN_SITE


def _token_of(scope: Any) -> str:
    return parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]


def _sealed(send: Any) -> Any:
    async def sealed(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SEALS]
        await send(message)

    return sealed


async def _close(receive: Any, send: Any, reason: str) -> None:
    await receive()
    await send({"type": "websocket.close", "code": REFUSED, "reason": reason})


async def _refuse(scope: Any, receive: Any, send: Any, text: str) -> None:
    """Answer 403. A small body is read first: a browser that still sends it would not see the answer."""
    read = 0
    while scope.get("method") not in SAFE and read < MOST_READ:
        message = await receive()
        read += len(message.get("body", b"")) + 1
        if not message.get("more_body"):
            break
    await _respond(send, 403, text)


async def _respond(send: Any, status: int, text: str, headers: Any = ()) -> None:
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"), *SEALS]
    await send({"type": "http.response.start", "status": status, "headers": [*plain, *headers]})
    await send({"type": "http.response.body", "body": text.encode()})
