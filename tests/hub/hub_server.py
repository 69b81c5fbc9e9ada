"""A hub on this machine: the part of the Hugging Face hub's HTTP API that a push and a pull need.

Repositories with commits, small files in them, large ones (LFS) on a second port as on a store of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

NO_ANSWER = 0  # the status of a fault that cuts the connection
LARGE = (".safetensors", ".png", ".bin", ".pkl")
TOKEN = "hf_localtestlogin"
Tree = dict[str, tuple[bytes, bool]]  # by path: the content, and whether it is a large one


@dataclass
class Repository:
    """One repository: its commits, oldest first, each with its files."""

    private: bool = True
    tags: list[str] = field(default_factory=list)
    commits: list[tuple[str, Tree]] = field(default_factory=lambda: [("0" * 40, {})])

    def commit(self, tree: Tree) -> str:
        digest = hashlib.sha1(repr((len(self.commits), sorted(tree))).encode()).hexdigest()
        self.commits.append((digest, tree))
        return digest

    def at(self, revision: str) -> tuple[str, Tree] | None:
        if revision == "main":
            return self.commits[-1]
        return next((each for each in self.commits if each[0] == revision), None)


@dataclass
class Hub:
    """The server: `faults` are answers to requests whose path contains a text, (status, headers) or a function."""

    url: str = ""
    store_url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)  # method, path, headers
    break_after: int | None = None  # bytes of a large file, once
    ends_after: int | None = None  # bytes of a large file, every time, as if they were all
    changed: dict[str, bytes] = field(default_factory=dict)  # what is sent in place of a file of this path

    def add(self, name: str, files: dict[str, bytes], **options: Any) -> Repository:
        """A repository that is there already."""
        found = self.repositories.setdefault(name, Repository(**options))
        tree = {path: (content, path.endswith(LARGE)) for path, content in files.items()}
        self.stored |= {hashlib.sha256(each).hexdigest(): each for each, is_large in tree.values() if is_large}
        found.commit(tree)
        return found

    def clear(self) -> None:
        """Forget all of it."""
        for each in (self.repositories, self.stored, self.faults, self.requests, self.changed):
            each.clear()
        self.break_after = self.ends_after = None

    def files(self, name: str) -> dict[str, bytes]:
        """The files of the newest commit."""
        return {path: content for path, (content, _) in self.repositories[name].commits[-1][1].items()}


class Handler(BaseHTTPRequestHandler):
    """Answers both ports. Paths of the store begin with /store/."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def answer(self, status: int, content: Any = b"", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, {name.lower(): value for name, value in self.headers.items()}))
        for part, (status, headers) in self.hub.faults.items():
            if part in f"{self.command} {path}":
                self.close_connection = status == NO_ANSWER
                if status != NO_ANSWER:
                    self.answer(status, {"error": "a fault"}, **headers)
                return
        for pattern, method in ROUTES.items():
            if found := re.fullmatch(pattern, path):
                method(self, body, *found.groups())
                return
        self.answer(404, {"error": "no such page"}, X_Error_Code="RepoNotFound")

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815 (names of http.server)

    @property
    def logged_in(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def repository(self, name: str) -> Repository | None:
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not self.logged_in):
            self.answer(401, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
            return None
        return found

    def tree(self, name: str, revision: str) -> tuple[Repository, str, Tree] | None:
        if (found := self.repository(name)) is None:
            return None
        if (commit := found.at(revision)) is None:
            self.answer(404, {"error": "Invalid rev id"}, X_Error_Code="RevisionNotFound")
            return None
        return found, *commit

    # The API

    def validate(self, body: bytes) -> None:
        self.answer(200, {"errors": [], "warnings": []})

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if not self.logged_in:
            message = "Invalid credentials in Authorization header"
            self.answer(401, {"error": message}, X_Error_Message=message)
            return
        known = name in self.hub.repositories
        self.hub.repositories.setdefault(name, Repository(private=asked.get("visibility") == "private"))
        self.answer(409 if known else 200, {"url": f"{self.hub.url}/{name}", "error": "You already created this model"})

    def info(self, body: bytes, name: str, revision: str | None = None) -> None:
        if (found := self.tree(name, revision or "main")) is not None:
            repository, commit, _ = found
            self.answer(
                200, {"id": name, "sha": commit, "private": repository.private, "tags": repository.tags, "siblings": []}
            )

    def list_tree(self, body: bytes, name: str, revision: str) -> None:
        if (found := self.tree(name, revision)) is not None:
            self.answer(200, [described(path, *each) for path, each in found[2].items()])

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        if (found := self.tree(name, revision)) is not None:
            listed = [each["path"] for each in json.loads(body)["files"]]
            there = found[2]
            files = [
                {
                    "path": path,
                    "uploadMode": "lfs" if path.endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                    "oid": oid_of(*there[path]) if path in there else None,
                }
                for path in listed
            ]
            self.answer(200, {"files": files})

    def batch(self, body: bytes, name: str) -> None:
        objects = []
        for each in json.loads(body)["objects"]:
            upload = {"upload": {"href": f"{self.hub.store_url}/store/{each['oid']}"}}
            objects.append(each | ({} if each["oid"] in self.hub.stored else {"actions": upload}))
        self.answer(200, {"transfer": "basic", "objects": objects})

    def commit(self, body: bytes, name: str, revision: str) -> None:
        if (found := self.tree(name, revision)) is None:
            return
        repository, parent, tree = found
        lines = [json.loads(line) for line in body.splitlines()]
        if lines[0]["value"].get("parentCommit") not in (None, parent):
            self.answer(412, {"error": "A commit has happened since"})
            return
        changed = dict(tree)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                changed[value["path"]] = (base64.b64decode(value["content"]), False)
            elif line["key"] == "lfsFile":
                changed[value["path"]] = (self.hub.stored[value["oid"]], True)
            else:
                changed.pop(value["path"])
        commit = repository.commit(changed)
        self.answer(200, {"commitUrl": f"{self.hub.url}/{name}/commit/{commit}", "commitOid": commit})

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> None:
        if (found := self.tree(name, revision)) is None:
            return
        content, is_large = found[2][path]
        if is_large:
            where = f"{self.hub.store_url}/store/{hashlib.sha256(content).hexdigest()}"
            self.answer(302, Location=where, X_Repo_Commit=found[1], X_Linked_Etag=oid_of(content, True))
        else:
            self.answer(200, self.hub.changed.get(path, content), X_Repo_Commit=found[1], ETag=oid_of(content, False))

    # The store

    def store(self, body: bytes, oid: str) -> None:
        if self.command == "PUT":
            self.hub.stored[oid] = body
            self.answer(200)
            return
        content = self.hub.changed.get(oid, self.hub.stored[oid])[: self.hub.ends_after]
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.hub.break_after is not None:
            stop, self.hub.break_after = start + self.hub.break_after, None
            self.wfile.write(content[start:stop])
            self.close_connection = True
            return
        self.wfile.write(content[start:])


NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = {
    "/api/validate-yaml": Handler.validate,
    "/api/repos/create": Handler.create,
    f"/api/models/{NAME}": Handler.info,
    f"/api/models/{NAME}/revision/(.+)": Handler.info,
    f"/api/models/{NAME}/tree/([^/]+)": Handler.list_tree,
    f"/api/models/{NAME}/preupload/(.+)": Handler.preupload,
    f"/api/models/{NAME}/commit/(.+)": Handler.commit,
    rf"/{NAME}\.git/info/lfs/objects/batch": Handler.batch,
    f"/{NAME}/resolve/([^/]+)/(.+)": Handler.resolve,
    "/store/([0-9a-f]+)": Handler.store,
}


def oid_of(content: bytes, is_large: bool) -> str:
    """As the hub states it: SHA-256 of a large file, else the SHA-1 of git's blob."""
    if is_large:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def described(path: str, content: bytes, is_large: bool) -> dict[str, Any]:
    """A line of the listing of a tree."""
    pointer = {"oid": oid_of(content, True), "size": len(content), "pointerSize": 130}
    plain = {"type": "file", "path": path, "size": len(content), "oid": oid_of(content, False)}
    return plain | ({"lfs": pointer} if is_large else {})


class QuietServer(ThreadingHTTPServer):
    """A server that prints nothing of connections that are cut."""

    def handle_error(self, *_: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """A `Hub` that answers at its `url`, and at its `store_url`, until the end."""
    hub = Hub()
    handler = type("HubHandler", (Handler,), {"hub": hub})
    servers = [QuietServer(("127.0.0.1", 0), handler) for _ in range(2)]
    threads = [threading.Thread(target=each.serve_forever, args=(0.02,), daemon=True) for each in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.daemon_threads = True
        thread.start()
    hub.url, hub.store_url = (f"http://127.0.0.1:{each.server_port}" for each in servers)
    try:
        yield hub
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
