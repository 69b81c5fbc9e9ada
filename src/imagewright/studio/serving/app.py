"""The routes of the studio, behind the guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from starlette.websockets import WebSocket

from imagewright.errors import UserError
from imagewright.json_files import JsonError, parse_json
from imagewright.output.writing import PICTURES, encode_image
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.encoding import encode_file
from imagewright.studio.serving.failures import sentence_of, status_of
from imagewright.studio.serving.guard import Guard
from imagewright.studio.serving.library import NotThereError
from imagewright.studio.serving.made import file_answer, made_file
from imagewright.studio.serving.page import Page, Picture
from imagewright.studio.serving.plain import to_json
from imagewright.studio.serving.socket import LiveSocket
from imagewright.studio.serving.studio import Studio
from imagewright.studio.serving.uploads import (
    MOST_PICTURE_BYTES,
    add_large,
    add_picture,
    is_large,
    receive,
    uploaded_picture,
)
from imagewright.wording import page_words

WEB = Path(__file__).parents[1] / "web"
MOST_JSON_BYTES = 4 << 20
Endpoint = Callable[[Request], Awaitable[Response]]


class _WebFiles(StaticFiles):
    """The files of the pages, asked for anew at each load: an upgrade must not mix with what a browser kept."""

    def file_response(self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response


def build_app(studio: Studio, pages: Mapping[str, Page], token: str, port: int) -> Guard:
    """The whole application."""

    async def read(request: Request) -> Response:
        page, name = request.path_params["page"], request.path_params["name"]
        if page not in pages or name not in pages[page].reads:
            raise NotThereError("There is nothing at this address.")
        return await _answer(pages[page].reads[name], studio, Asked(dict(request.query_params)))

    async def act(request: Request) -> Response:
        page, name = request.path_params["page"], request.path_params["name"]
        if page not in pages or name not in pages[page].actions:
            raise NotThereError("There is nothing at this address.")
        return await _answer(pages[page].actions[name], studio, Asked(await _json_of(request)))

    async def upload(request: Request) -> Response:
        content = await receive(request, MOST_PICTURE_BYTES)
        picture = await to_thread.run_sync(uploaded_picture, request.query_params.get("name", "picture"), content)
        height, width = picture.pixels.shape[:2]
        return _json({"ticket": studio.shelf.put(picture), "name": picture.name, "width": width, "height": height})

    async def add(request: Request) -> Response:
        folder, name = request.path_params["folder"], request.query_params.get("name", "")
        if is_large(name):
            return _json(await add_large(studio, folder, name, request))
        content = await receive(request, MOST_PICTURE_BYTES)
        return _json(await to_thread.run_sync(add_picture, studio, folder, name, content))

    async def picture(request: Request) -> Response:
        suffix = f".{request.path_params['suffix']}"
        if suffix not in PICTURES:
            raise NotThereError("Pictures are saved as png, jpg, webp or tif.")
        found = studio.shelf.get(request.path_params["ticket"])
        pixels = found.pixels.transpose(2, 0, 1)
        content = await to_thread.run_sync(encode_image, pixels, suffix, found.record)
        kind = {"jpg": "jpeg", "tif": "tiff"}.get(suffix[1:], suffix[1:])
        return Response(bytes(content), media_type=f"image/{kind}", headers={"cache-control": "private, max-age=3600"})

    async def made(request: Request) -> Response:
        path = await to_thread.run_sync(made_file, studio, request.path_params["job"], request.path_params["number"])
        return file_answer(path, save=request.query_params.get("save") == "true")

    async def live(socket: WebSocket) -> None:
        with page_words():
            await LiveSocket(socket, studio, pages).run()

    async def index(_: Request) -> Response:
        return FileResponse(WEB / "index.html", headers={"cache-control": "no-cache"})

    routes = [
        Route("/", index),
        Route("/api/{page}/{name}", _told(read, studio), methods=["GET"]),
        Route("/api/{page}/{name}", _told(act, studio), methods=["POST"]),
        Route("/uploads", _told(upload, studio), methods=["POST"]),
        Route("/sources/{folder}", _told(add, studio), methods=["POST"]),
        Route("/pictures/{ticket}.{suffix}", _told(picture, studio), methods=["GET"]),
        Route("/made/{job}/{number:int}", _told(made, studio), methods=["GET"]),
        WebSocketRoute("/live", live),
        Mount("/web", _WebFiles(directory=WEB)),
    ]
    return Guard(Starlette(routes=routes), token, port)


async def _answer(answer: Callable[..., Any], studio: Studio, asked: Asked) -> Response:
    value = await to_thread.run_sync(answer, studio, asked)
    if isinstance(value, Response):
        return value
    if isinstance(value, Picture):
        content = await to_thread.run_sync(encode_file, value.pixels, "webp")
        return Response(content, media_type="image/webp", headers={"cache-control": "private, max-age=60"})
    return _json(value)


def _json(value: Any, status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(to_json(value), status, media_type="application/json", headers=headers)


async def _json_of(request: Request) -> dict[str, Any]:
    if Headers(scope=request.scope).get("content-type", "").split(";")[0] != "application/json":
        raise UserError("A JSON object was expected.")
    try:
        value = parse_json(await receive(request, MOST_JSON_BYTES))
    except JsonError as error:
        raise UserError(f"A JSON object was expected: {error}.") from None
    if not isinstance(value, dict):
        raise UserError("A JSON object was expected.")
    return value


def _told(endpoint: Endpoint, studio: Studio) -> Endpoint:
    """The endpoint, whose errors become a sentence in JSON."""

    async def told(request: Request) -> Response:
        try:
            with page_words():
                return await endpoint(request)
        except Exception as error:  # noqa: BLE001 (the page says it; the server goes on)
            return _json({"error": sentence_of(error, studio.folder)}, status=status_of(error))

    return told
