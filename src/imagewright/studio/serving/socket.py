"""The socket of a page: wishes and their answers, and what the page follows. One a page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import Any

from anyio import to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from imagewright.errors import UserError
from imagewright.json_files import JsonError, parse_json
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.encoding import encode_answer
from imagewright.studio.serving.failures import sentence_of
from imagewright.studio.serving.page import Answer, Feed, Page, Picture
from imagewright.studio.serving.plain import to_json
from imagewright.studio.serving.studio import Studio

MOST_AT_ONCE = 16  # wishes and feeds of one page


class LiveSocket:
    """One connection.

    A page sends {"id", "wish": "PAGE/WISH", "asked": {...}}, and {"id", "feed": "PAGE/FEED", "asked": {...}} or
    {"end": ID of a feed}. A wish is answered once: by pictures as bytes (`encode_answer`) or as {"id", "answer"}; a
    feed by many {"id", "value"} and, if it ends, {"id", "ended"}; both by {"id", "error"} if they fail.
    """

    def __init__(self, socket: WebSocket, studio: Studio, pages: Mapping[str, Page]) -> None:
        self._socket, self._studio, self._pages = socket, studio, pages
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Answer until the page is closed."""
        await self._socket.accept()
        try:
            while True:
                self._begin(await self._socket.receive_text())
        except (WebSocketDisconnect, RuntimeError, KeyError):  # KeyError: bytes, which no page of ours sends
            pass
        finally:
            for task in self._tasks.values():
                task.cancel()

    def _begin(self, text: str) -> None:
        try:
            message = parse_json(text)
        except JsonError:
            return
        if not isinstance(message, dict):
            return
        if isinstance(message.get("end"), int):
            if message["end"] in self._tasks:
                self._tasks[message["end"]].cancel()
            return
        number, asked = message.get("id"), message.get("asked") or {}
        if not isinstance(number, int) or not isinstance(asked, dict) or number in self._tasks:
            return
        if len(self._tasks) >= MOST_AT_ONCE:
            work = self._send({"id": number, "error": "The page asks for too much at once."})
        else:
            work = self._answer(number, message, Asked(asked))
        task = asyncio.create_task(work)
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def _answer(self, number: int, message: dict[str, Any], asked: Asked) -> None:
        try:
            if "wish" in message:
                await self._grant(number, self._wish_of(str(message["wish"])), asked)
                return
            # Closed at once when the page stops listening: a feed frees then what it holds, such as a laboratory.
            async with aclosing(self._feed_of(str(message.get("feed")))(self._studio, asked)) as feed:
                async for value in feed:
                    await self._send({"id": number, "value": value})
            await self._send({"id": number, "ended": True})
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 (the page says it; the socket goes on)
            await self._send({"id": number, "error": sentence_of(error, self._studio.folder)})

    async def _grant(self, number: int, wish: Answer, asked: Asked) -> None:
        def answered() -> Any:  # in one thread, since each change of threads costs time
            answer = wish(self._studio, asked)
            pictures = [answer] if isinstance(answer, Picture) else answer
            if isinstance(pictures, list) and pictures and all(isinstance(each, Picture) for each in pictures):
                tickets = [self._studio.shelf.put(each) for each in pictures]
                return encode_answer(number, pictures, tickets)
            return answer

        answer = await to_thread.run_sync(answered)
        if not isinstance(answer, bytes):
            await self._send({"id": number, "answer": answer})
            return
        async with self._sending:
            with suppress(RuntimeError, WebSocketDisconnect):  # closed meanwhile
                await self._socket.send_bytes(answer)

    async def _send(self, value: dict[str, Any]) -> None:
        async with self._sending:
            with suppress(RuntimeError, WebSocketDisconnect):
                await self._socket.send_text(to_json(value))

    def _wish_of(self, name: str) -> Answer:
        page, _, wish = name.partition("/")
        if page not in self._pages or wish not in self._pages[page].wishes:
            raise UserError(f"No page answers {name!r}.")
        return self._pages[page].wishes[wish]

    def _feed_of(self, name: str) -> Feed:
        page, _, feed = name.partition("/")
        if page not in self._pages or feed not in self._pages[page].feeds:
            raise UserError(f"Nothing is told of {name!r}.")
        return self._pages[page].feeds[feed]
