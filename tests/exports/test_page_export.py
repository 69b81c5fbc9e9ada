"""Export as a page: it holds the package's latents, asks nothing of a network, and makes the package's pictures."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from served_studio import CHROMIUM, FLAGS
from tiny import tiny_model, train_tiny
from waiting import PATIENCE

import imagewright as iw
from imagewright.cli import main
from imagewright.exports import page, runtime
from imagewright.verbs.apply import sample_latents

if find_spec("onnxscript") is None:  # importing it takes long, and each process of the tests collects this file
    pytest.skip("needs the extra `export`", allow_module_level=True)
pytest.importorskip("onnxruntime", reason="needs the extra `export`")

LEVELS = 2


def read_part(text: str, name: str) -> bytes:
    found = re.search(rf'<script type="text/plain" id="part-{name}">([^<]*)</script>', text)
    assert found is not None
    return gzip.decompress(base64.b64decode(found[1]))


def read_facts(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="facts">([^<]*)</script>', text)
    assert found is not None
    facts: dict[str, Any] = json.loads(found[1])
    return facts


@pytest.fixture
def without_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages with nothing in the places of the graphs and of onnxruntime-web, which take long to make and to fetch."""
    monkeypatch.setattr(page, "open_runtime", lambda: {file.name: b"runtime" for file in runtime.FILES})
    monkeypatch.setattr(page, "trace_for_page", lambda graph, model, record: (b"graph", True))


@pytest.mark.usefixtures("without_graphs")
def test_the_page_holds_the_latents_of_the_packages_seeds(tmp_path: Path) -> None:
    run = train_tiny("cgan", out=tmp_path / "</script><b>")
    iw.directions(run, count=2, save={0: "slant"})
    iw.export(run, "html", tmp_path / "page.html", title="<i>digits")
    text = (tmp_path / "page.html").read_text()
    facts = read_facts(text)
    seeds = np.frombuffer(read_part(text, "seeds"), "<f4").reshape(facts["tensors"]["seeds"])
    assert seeds.shape[1] == facts["seeds"] == 64
    assert np.array_equal(seeds[0, 7], sample_latents(run, 1, 7).numpy()[0])
    assert facts["directions"] == ["slant"]
    assert facts["classes"] == ["one", "other"]
    assert facts["own"] == "normal"
    assert "<i>" not in text
    assert "</script><b>" not in text
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="(?!data:)', text.split("<script type")[0])
    assert read_part(text, "graph-0") == b"graph"
    assert "Permission is hereby granted" in text


@pytest.mark.usefixtures("without_graphs")
@pytest.mark.parametrize(("name", "expected"), [("pix2pix", 1), ("cyclegan", 2), ("munit", 2)])
def test_a_page_draws_for_models_that_translate(name: str, expected: int, tmp_path: Path) -> None:
    iw.export(tiny_model(name), "html", tmp_path / "page.html")
    facts = read_facts((tmp_path / "page.html").read_text())
    assert facts["kind"] == "translate"
    assert facts["graphs"] == expected
    assert facts["styled"] == (name == "munit")


@pytest.mark.usefixtures("without_graphs")
@pytest.mark.parametrize(("name", "why"), [("funit", "reference pictures alone"), ("autoencoder", "makes no new")])
def test_what_cannot_be_a_page_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(iw.UserError, match=why):
        iw.export(tiny_model(name), "html", tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_error_says_which_file_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train_tiny("dcgan", out=tmp_path / "run")
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", (tmp_path / "nothing").as_uri())
    assert main(["export", str(run.path), "--to", "html", "--out", str(tmp_path / "page.html")]) == 2
    said = capsys.readouterr().err
    assert "npm pack onnxruntime-web@1.30.0" in said
    assert str(tmp_path / "cache" / "weights") in said
    (tmp_path / "cache" / "weights").mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache" / "weights" / runtime.MODULE.name).write_bytes(b"another file")
    with pytest.raises(iw.UserError, match="is not the published ort"):
        iw.export(run, "html", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


# In a browser


@pytest.fixture(scope="module")
def open_page() -> Any:
    """Open a page from its file, without a network: (page, what was requested besides the file)."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

        def begin(path: Path) -> Any:
            opened = chromium.new_context(offline=True, accept_downloads=True).new_page()
            opened.requests = []
            opened.on("request", lambda request: opened.requests.append(request.url))
            opened.goto(path.as_uri())
            opened.wait_for_selector(":root[data-state]", state="attached", timeout=1000 * PATIENCE)
            assert opened.locator(":root").get_attribute("data-state") == "ready"
            return opened

        yield begin
        chromium.close()


def pixels_of(opened: Any) -> np.ndarray:
    """What the large picture shows, (H, W, 4)."""
    read = "c => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    height, width, *levels = opened.locator("canvas.picture").last.evaluate(read)
    return np.array(levels, np.int64).reshape(height, width, 4)


@pytest.mark.learning
def test_the_page_makes_the_pictures_of_the_package(
    tmp_path: Path, open_page: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        runtime.open_runtime()
    except iw.UserError as error:
        pytest.skip(f"onnxruntime-web cannot be fetched: {error}")
    run = train_tiny("dcgan", out=tmp_path / "run", latent_dim=16, width=8)
    iw.export(run, "html", tmp_path / "page.html")
    opened = open_page(tmp_path / "page.html")
    expected = iw.sample(run, 1, seed=0)[0].permute(1, 2, 0).numpy().astype(np.int64)
    assert np.abs(pixels_of(opened)[..., :3] - expected).max() <= LEVELS
    opened.get_by_role("button", name="seed 5", exact=True).click()
    opened.wait_for_selector(":root[data-filled]", state="attached")
    expected = iw.sample(run, 1, seed=5)[0].permute(1, 2, 0).numpy().astype(np.int64)
    assert np.abs(pixels_of(opened)[..., :3] - expected).max() <= LEVELS
    with opened.expect_download() as saved:
        opened.get_by_role("button", name="Save PNG").click()
    saved.value.save_as(tmp_path / "saved.png")
    record = iw.inspect(tmp_path / "saved.png")["provenance"]
    assert record["settings"]["page"]["seed"] == 5
    assert record["run"] == "run"
    assert np.array_equal(iw.open_images(tmp_path / "saved.png").stream(1).__next__().images[0].shape[-2:], (16, 16))
    assert [url for url in opened.requests if not url.startswith(("file:", "blob:"))] == []


@pytest.mark.learning
def test_a_stroke_on_the_sheet_changes_the_picture(tmp_path: Path, open_page: Callable[[Path], Any]) -> None:
    try:
        runtime.open_runtime()
    except iw.UserError as error:
        pytest.skip(f"onnxruntime-web cannot be fetched: {error}")
    model = tiny_model("pix2pix")
    iw.export(model, "html", tmp_path / "page.html")
    opened = open_page(tmp_path / "page.html")
    white = torch.full((1, 3, 16, 16), 255, dtype=torch.uint8)
    expected = iw.translate(model, white)[0].permute(1, 2, 0).numpy().astype(np.int64)
    before = pixels_of(opened)[..., :3]
    assert np.abs(before - expected).max() <= LEVELS
    drawn = int(opened.locator(":root").get_attribute("data-drawn"))
    box = opened.locator("canvas.sheet").bounding_box()
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.mouse.up()
    opened.wait_for_selector(f":root:not([data-drawn='{drawn}'])", state="attached")
    assert not np.array_equal(pixels_of(opened)[..., :3], before)
