"""Points: the names that sheets print under samples are those that every tool takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import UserError
from imagewright.latent.inputs import resolve_inputs
from imagewright.runs.run import Run
from imagewright.verbs.points import Point, parse_point


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_tiny("pca", simple_pictures(24, (8, 8)), tmp_path_factory.mktemp("runs") / "pca", components=6)


@pytest.mark.parametrize(
    ("typed", "point"),
    [
        ("3", Point(3)),
        ("3:0", Point(3)),
        ("0:17", Point(0, 17)),
        ("5:2:tabby: cat", Point(5, 2, "tabby: cat")),
        ("anna", None),
        ("3:", None),
        (":3", None),
        ("-1:2", None),
        ("a:1", None),
    ],
)
def test_points_are_parsed(typed: str, point: Point | None) -> None:
    assert parse_point(typed) == point
    if point is not None:
        assert parse_point(str(point)) == point


def test_a_caption_of_a_sheet_is_the_point_of_its_picture(run: Run) -> None:
    sheet = iw.sample_sheet(run, 5, seed=4)
    assert sheet.captions == ["4:0", "4:1", "4:2", "4:3", "4:4"]
    latents = resolve_inputs(run, sheet.captions).latents
    assert torch.equal(iw.decode(run, latents), torch.as_tensor(sheet.images))
    assert torch.equal(resolve_inputs(run, [4]).latents, latents[:1])
    assert torch.equal(iw.interpolate(run, 2, ends=["4:3", "4:1"]), torch.as_tensor(sheet.images)[[3, 1]])
    alone = iw.sample_sheet(run, inputs=["4:3", "0:1"])
    assert torch.equal(torch.as_tensor(alone.images)[0], torch.as_tensor(sheet.images)[3])
    assert alone.captions == ["4:3", "0:1"]


def test_a_point_of_a_class_is_the_picture_of_the_class_sheet() -> None:
    model = tiny_model("cgan").eval()
    name = model.class_names[1]
    of_class = iw.sample_sheet(model, 3, seed=2, label=1)
    assert of_class.captions == [f"2:{k}:{name}" for k in range(3)]
    each = iw.sample_sheet(model, 3, seed=2, each_class=True)
    assert each.column_labels == ["2:0", "2:1", "2:2"]
    latents = resolve_inputs(model, of_class.captions).latents
    assert torch.equal(iw.decode(model, latents), torch.as_tensor(of_class.images))
    assert torch.equal(torch.as_tensor(each.images)[3:6], torch.as_tensor(of_class.images))
    with pytest.raises(UserError, match="There is no class 'nobody'"):
        resolve_inputs(model, ["2:0:nobody"])


@pytest.mark.parametrize(("name", "options"), [("cgan", {}), ("vae", {"condition": "labels"})])
def test_a_sample_of_a_conditional_model_is_named_with_its_class(name: str, options: dict, tmp_path: Path) -> None:
    model = iw.load(train_tiny(name, simple_pictures(), tmp_path / "run", **options))
    sheet = iw.sample_sheet(model, 8, seed=3)
    assert sheet.captions is not None
    classes = [caption.partition(":")[2].partition(":")[2] for caption in sheet.captions]
    assert set(classes) == {"one", "other"}
    latents = resolve_inputs(model, sheet.captions).latents
    assert torch.equal(iw.decode(model, latents), torch.as_tensor(sheet.images))
    assert torch.equal(iw.sample(model, 8, seed=3), torch.as_tensor(sheet.images))


def test_every_tool_takes_points(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = iw.arithmetic(run, "0:7 - 0:3 + 2", around=0)
    latents = resolve_inputs(run, ["0:7", "0:3", "2"]).latents
    assert torch.allclose(found.latent, latents[0] - latents[1] + latents[2], atol=1e-5)
    iw.directions(run, save={0: "wide"})
    edited = iw.edit(run, ["0:7"], {"wide": [-1.0, 1.0]})
    assert edited.labels == ["0:7"]
    path = str(run.path)
    commands = {
        "walk.png": ["interpolate", path, "--between", "0:7", "0:3"],
        "one.png": ["sample", path, "--inputs", "0:7"],
        "many": ["sample", path, "--inputs", "0:7", "3:2"],
        "edited": ["edit", path, "0:7", "--move", "wide=1"],
        "strips.png": ["latent", "directions", path, "--inputs", "0:7"],
        "moved.png": ["latent", "traverse", path, "--inputs", "0:7"],
    }
    for name, command in commands.items():
        assert main([*command, "--out", str(tmp_path / name)]) == 0, capsys.readouterr().err
    assert sorted(each.name for each in (tmp_path / "many").iterdir()) == ["0-7.png", "3-2.png"]
    assert [each.name for each in (tmp_path / "edited").iterdir()] == ["0-7_edited.png"]
    assert main(["interpolate", path, "--between", "0:x", "1", "--out", str(tmp_path / "no.png")]) == 2
    assert "'0:x' is no seed (a whole number), no SEED:INDEX" in capsys.readouterr().err
    assert main(["sample", path, "--inputs", "anna", "--out", str(tmp_path / "no.png")]) == 2
    assert "'anna' is no point: expected SEED or SEED:INDEX" in capsys.readouterr().err


def test_neighbours_name_samples_by_their_points(run: Run) -> None:
    sheet = iw.neighbours(run, simple_pictures(24, (8, 8)), count=12, seed=9).sheet()
    assert sheet.captions is not None
    assert sheet.captions[0].startswith("9:")
