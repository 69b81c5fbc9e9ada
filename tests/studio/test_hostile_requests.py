"""Random and hostile values for everything that pages ask: each ends in an answer or a sentence, and leaves no file."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from served_studio import ServedStudio
from tiny import simple_pictures, train_tiny
from websockets.sync.client import ClientConnection, connect

import imagewright
from imagewright.studio.pages.all_pages import PAGES
from imagewright.studio.serving.failures import UNEXPECTED
from imagewright.studio.serving.jobs import Job
from imagewright.studio.serving.page import Picture

SEED = int(os.environ.get("FUZZ_SEED", "1"))
TRIES = int(os.environ.get("FUZZ_REQUESTS", "6"))  # of each answer
PAGE_FILES = Path(imagewright.__file__).parent / "studio" / "pages"
MARKUP = "<img src=x onerror=alert(1)>"
HOSTILE: list[Any] = [
    None, True, False, -1, 0, 1, 3, 2**53, 2**63 - 1, -(2**62), 1e308, float("nan"), float("inf"), 0.5, "", " ", ".",
    "..", "../../etc/passwd", "/etc/passwd", "C:\\x", "a\0b", "\ud800", "x" * 1_999, "x" * 3_000,
    "\u00b2", "\u0663", "1" * 1_900, "1e999", "-1", "\N{PILE OF POO}" * 80,
    "--out=/tmp/x", "--help", "-x", "a\r\nSet-Cookie: a=b", MARKUP,
    "%2e%2e%2f", "con", "a;b", "$(id)", "file:x.pt@8", "python:os:system@8", [], [[]], [None], ["--out"], [-1], [0, 1],
    [1e308], ["\ud800"], ["../x"], [{}], [[1, 2, 3, 4]], [[1, 1, 9, 9]], {}, {"--out": 1}, {"": 1}, {"\ud800": 1},
    {"1" * 5_000: 1}, {"\u0663": 1}, {"..": ".."}, {"0": 1e300}, {"a": {"b": {"c": []}}}, [{"seed": 1}] * 4,
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder beside a secret, with runs, pictures with classes, odd names, and files that are damaged."""
    above = tmp_path_factory.mktemp("hostile")
    (above / "secret.txt").write_text("secret")
    place = above / "folder"
    odd = [MARKUP.replace("/", ""), os.fsdecode(b"\xff\xfe"), "-x", "a\nb", "a'b\"c;d"]
    for name in ["photos/one", "photos/two", *odd]:
        (place / name).mkdir(parents=True)
        for number, picture in enumerate(simple_pictures(6)):
            file = os.fsdecode(b"\xff.png") if number == 5 else f"{number}{name[:1]}.png"
            Image.fromarray(picture.transpose(1, 2, 0)).save(place / name / file)
    (place / "photos" / "one" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (place / "bad.zip").write_bytes(b"PK")
    (place / "bad.mp4").write_bytes(b"no video")
    for name in ("vae", "munit"):
        train_tiny(name, out=place / "runs" / name, steps=1, precision="fp32")
    for name, record in {"nothing": "{}", "unknown": '{"model": "-x", "config": {}}', "deep": "[" * 9_999}.items():
        (place / "runs" / name).mkdir()
        (place / "runs" / name / "run.json").write_text(record)
    return place


class Attacker:
    """Requests of random values from a seed: names of values that pages read, with values that fit or that do not."""

    def __init__(self, served: ServedStudio) -> None:
        self.random = random.Random(SEED)
        picture = np.zeros((16, 16, 3), np.uint8)
        written = io.BytesIO()
        Image.fromarray(picture).save(written, "png")
        ticket = served.studio.shelf.put(Picture(picture))
        runs = [each.id for each in served.studio.library.runs()]
        sources = [each.id for each in served.studio.library.sources()]
        starts = [{"seed": 3}, {"saved": "x"}, {"held": ticket}]
        self._fitting: dict[str, list[Any]] = {
            "run": runs, "runs": [runs[:3], ",".join(runs)], "source": sources, "of": sources, "faces": sources,
            "ticket": [ticket], "photo": [ticket], "references": [[ticket]], "picture": [ticket], "start": starts,
            "sheet": [base64.b64encode(written.getvalue()).decode()], "at": [8], "images_seen": [8],
            "look": [{"run": run, "start": start} for run in runs for start in starts],
            "looks": [[{"run": run, "start": starts[0]}] * 2 for run in runs],
            "model": ["vae", "pca", "pix2pix", "face_swap"], "name": ["new", MARKUP, "-x", "a/b"], "size": ["16"],
            "kind": ["check", "outliers", "clusters"], "sources": [{"images": each} for each in sources],
            "indices": [[0, 1], [0]], "with": [[0]], "without": [[1]], "count": [2], "side": [16],
            "people": [[{"who": "--x", "given_by": "b", "when": "2024-01-01"}]], "moves": [[[1, 1, 9, 9]]],
        }  # fmt: skip
        self._names = {page: _names_of(page) for page in PAGES}

    def values(self, page: str) -> dict[str, Any]:
        """Most values fit, so that a request gets far; one or two do not."""
        names = self._names[page]
        asked = {name: self.random.choice(self._fitting[name]) for name in names if name in self._fitting}
        for name in self.random.sample(sorted(asked), self.random.randrange(len(asked) // 2 + 1)):
            del asked[name]
        for name in self.random.sample(names, min(len(names), self.random.randrange(4))):
            asked[name] = self.random.choice(HOSTILE)
        return asked


def _names_of(page: str) -> list[str]:
    """The names of the values that the modules of a page read."""
    files = [PAGE_FILES / f"{page}.py", *(PAGE_FILES / page).glob("*.py")]
    text = "".join(file.read_text() for file in files if file.is_file())
    reading = r'\.(?:text|whole|number|flag|choice|items|numbers|texts|part|raw)\(\s*"(\w+)"|"(\w+)" in asked'
    return sorted({first or second for first, second in re.findall(reading, text)} | {"run", "source"})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that would be started."""
    commands: list[tuple[str, ...]] = []

    def start(_: Any, title: str, command: Any, about: Any = None) -> Job:
        commands.append(tuple(str(each) for each in command))
        return Job("0" * 12, title, commands[-1], json.loads(json.dumps(about or {})), 0.0, "done", 0)

    monkeypatch.setattr("imagewright.studio.serving.jobs.Jobs.start", start)
    return commands


def files_outside(folder: Path) -> dict[Path, bytes]:
    """What lies beside the studio's folder."""
    return {path: path.read_bytes() for path in folder.parent.glob("*") if path.is_file()}


def pictures_in(folder: Path) -> set[bytes]:
    """The files that the user had in the folder."""
    return {
        path.read_bytes() for path in folder.rglob("*.*") if path.suffix in (".png", ".zip", ".mp4", ".safetensors")
    }


def fault_of(name: str, asked: Any, status: int, body: bytes, said: str) -> list[str]:
    """What is wrong with an answer: nothing, or a line with the request and what the server said."""
    tried = f"{name} of {json.dumps(asked)[:600]}"
    if status not in (200, 400, 404) or "Traceback" in said:
        return [f"{tried}: {status} {body[:200]!r}\n{said}"]
    if status != 200 and (UNEXPECTED in body.decode() or not json.loads(body)["error"]):
        return [f"{tried}: {body[:200]!r}"]
    return [f"{tried}: told the secret"] if b"secret" in body else []


def test_reads_and_actions(
    folder: Path,
    serve: Callable[[Path], ServedStudio],
    started: list[tuple[str, ...]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    served = serve(folder)
    attacker = Attacker(served)
    outside, own, faults = files_outside(folder), pictures_in(folder), list[str]()
    sent = served.cookie | {"Origin": f"http://{served.host}", "Content-Type": "application/json"}
    for page in PAGES.values():
        for name in [*page.reads] * TRIES:
            asked = attacker.values(page.name)
            query = {key: value if isinstance(value, str) else json.dumps(value) for key, value in asked.items()}
            text = urlencode(query, errors="replace")
            status, body = served.request(f"/api/{page.name}/{name}?{text}", headers=served.cookie)
            faults += fault_of(f"{page.name}/{name}", asked, status, body, capfd.readouterr().err)
        for name in [*page.actions] * TRIES:
            asked = attacker.values(page.name)
            content = json.dumps(asked).encode()
            status, body = served.request(f"/api/{page.name}/{name}", method="POST", body=content, headers=sent)
            faults += fault_of(f"{page.name}/{name}", asked, status, body, capfd.readouterr().err)
    assert not faults, "\n".join(faults)
    assert files_outside(folder) == outside
    assert pictures_in(folder) >= own
    assert started, "no request came so far that it started something"
    for command in started:
        places = [command[place + 1] for place, word in enumerate(command[:-1]) if word == "--out"]
        places += [word.removeprefix("--out=") for word in command if word.startswith("--out=")]
        assert all(Path(place).resolve().is_relative_to(folder.resolve()) for place in places), command
        assert len(places) <= 1, command


@pytest.fixture
def live(folder: Path, serve: Callable[[Path], ServedStudio]) -> Iterator[tuple[ServedStudio, ClientConnection]]:
    served = serve(folder)
    with connect(
        f"ws://{served.host}{served.room}/live", origin=f"http://{served.host}", additional_headers=served.cookie
    ) as socket:
        yield served, socket


def test_wishes_and_feeds(
    live: tuple[ServedStudio, ClientConnection], started: list[tuple[str, ...]], capfd: pytest.CaptureFixture[str]
) -> None:
    served, socket = live
    attacker, faults = Attacker(served), list[str]()
    number = 0
    for page in PAGES.values():
        kinds = [("wish", name) for name in page.wishes] + [("feed", name) for name in page.feeds]
        for kind, name in kinds * TRIES:
            number += 1
            asked = attacker.values(page.name)
            socket.send(json.dumps({"id": number, kind: f"{page.name}/{name}", "asked": asked}))
            while _number_of(told := socket.recv(30)) != number:  # more of a feed that was just ended
                pass
            socket.send(json.dumps({"end": number}))
            said = capfd.readouterr().err
            error = "" if isinstance(told, bytes) else json.loads(told).get("error", "")
            tried = f"{page.name}/{name} of {json.dumps(asked)[:600]}"
            if UNEXPECTED in error or "Traceback" in said:
                faults.append(f"{tried}: {said}")
    assert not faults, "\n".join(faults)


def _number_of(told: str | bytes) -> Any:
    if isinstance(told, bytes):
        told = told[4 : 4 + int.from_bytes(told[:4], "little")].decode()
    return json.loads(told)["id"]
