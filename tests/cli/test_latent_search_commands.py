"""`imagewright latent project`, `directions` and `neighbours`: what they write, and what they say to mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli import main
from imagewright.latent import store


@pytest.fixture(scope="module")
def gan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("cgan", simple_pictures(), tmp_path_factory.mktemp("gan") / "run", steps=2).path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, picture in enumerate(simple_pictures(8)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"anna{number}.png")
    return folder


QUICK = ["--candidates", "16", "--steps", "3"]


def test_a_projection_is_shown_printed_and_saved(
    gan: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, files = tmp_path / "sheet.png", [str(pictures / f"anna{number}.png") for number in range(2)]
    assert main(["latent", "project", str(gan), *files, "--save", "pair", "--out", str(out), *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "anna1: " in printed
    assert "grey levels" in printed
    assert out.is_file()
    found = store.load(iw.Run(gan), iw.load(gan), "pair", "latents")
    assert found.record["names"] == ["anna0", "anna1"]
    walk = tmp_path / "walk.png"
    assert main(["interpolate", str(gan), "--between", "pair", "--steps", "3", "--out", str(walk)]) == 0


def test_a_drag_is_shown_printed_and_saved(gan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "dragged.png"
    points = ["--from", "4,4", "9,9", "--to", "6,4", "9,12", "--steps", "2", "--around", "5"]
    assert main(["latent", "drag", str(gan), "3", *points, "--out", str(out), "--save", "pulled"]) == 0
    printed = capsys.readouterr().out
    assert "4,4 to 6,4: came to" in printed
    assert iw.inspect(out)["provenance"]["settings"]["moves"] == [[[4, 4], [6, 4]], [[9, 9], [9, 12]]]
    assert [entry.found for entry in iw.list_latents(gan).entries if entry.name == "pulled"] == ["drag seed 3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "4,4", "--to", "6,4"], "Name a sheet"),
        (["--from", "4,4", "5,5", "--to", "6,4", "--save", "x"], "2 points by --from and 1 by --to"),
        (["--from", "4", "--to", "6,4", "--save", "x"], "'4' is no place"),
        (["--from", "4,99", "--to", "6,4", "--save", "x"], "place 4,99 is not in a picture of 16x16"),
    ],
)
def test_errors_of_a_drag(gan: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latent", "drag", str(gan), "3", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name a sheet"),
        (["--out", "sheet.txt"], "suffix '.txt'"),
        (["--save", "12"], "cannot be a name"),
        (["--out", "sheet.png", "--label", "onne"], "Did you mean 'one'"),
        (["--out", "sheet.png", "--starts", "0"], "for --starts. It must be 1 or more"),
    ],
)
def test_errors_of_a_projection(
    gan: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["latent", "project", str(gan), str(pictures / "anna0.png"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_unreadable_pictures_of_a_projection(gan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "torn.png").write_bytes(b"torn")
    for name in ("torn.png", "missing.png", "."):
        assert main(["latent", "project", str(gan), str(tmp_path / name), "--out", str(tmp_path / "sheet.png")]) == 2
        assert "cannot be read" in capsys.readouterr().err
    assert main(["latent", "project", str(gan), "--out", str(tmp_path / "sheet.png")]) == 2
    assert not (tmp_path / "sheet.png").exists()


def test_directions_are_shown_and_saved_by_name(
    gan: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "strips.png"
    arguments = ["latent", "directions", str(gan), "--method", "weights", "--count", "3", "--out", str(out)]
    inputs = ["--inputs", "3", "5"]
    assert main([*arguments, *inputs, "--save", "0=rotation", "2=width"]) == 0
    assert "share of gain" in capsys.readouterr().out
    with Image.open(out) as sheet:
        assert sheet.height > 6 * 100  # a row for each direction and input
    found = store.load(iw.Run(gan), iw.load(gan), "width", "direction")
    expected = iw.directions(gan, "weights", 3)
    assert torch.equal(found.tensors["direction"], expected.directions[2])
    assert torch.equal(found.tensors["scale"], expected.scales[2])
    assert main([*arguments, "--force", "--save", "1=rotation"]) == 0
    assert main(["latent", "directions", str(gan), "--out", str(tmp_path / "b.png"), "--save", "1=width"]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--save", "8=far"], "There is no direction 8: 8 are searched for, 0 to 7"),
        (["--save", "far"], "expected NUMBER=NAME"),
        (["--save", "0=a", "1=a"], "one name a direction"),
        (["--save", "0=7"], "cannot be a name"),
        (["--method", "latents"], "cgan has no encoder, so --method latents cannot be used"),
        (["--count", "9"], "--count 9, but cgan has 8 numbers"),
        (["--inputs", "nobody"], "no seed"),
    ],
)
def test_errors_of_directions(
    gan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    out = tmp_path / "strips.png"
    assert main(["latent", "directions", str(gan), "--out", str(out), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_neighbours_are_shown_with_a_verdict(
    gan: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "near.png"
    assert main(["latent", "neighbours", str(gan), str(pictures), "--count", "20", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "the model's features" in printed.out
    assert "p-value" in printed.out
    assert "No held-out pictures were given" in printed.err
    with Image.open(out) as sheet:
        assert sheet.width > 1000
    one = tmp_path / "one"
    one.mkdir()
    Image.new("RGB", (16, 16), "red").save(one / "only.png")
    assert main(["latent", "neighbours", str(gan), str(one), "--out", str(tmp_path / "b.png")]) == 2
    assert "1 training pictures are too few" in capsys.readouterr().err
    assert main(["latent", "neighbours", str(gan), str(pictures), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_commands_of_styles_by_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(train_tiny("stylegan2", out=tmp_path / "styles", steps=1, augmentation="none").path)
    out = tmp_path / "sheet.png"
    options = ["--out", str(out), "--force"]
    searched = ["latent", "directions", run, "--layers", "0-1", "--count", "2", "--save", "0=one", *options]
    assert main(searched) == 0
    for command in (
        ["latent", "mix", run, "--rows", "0", "1", "--columns", "2", "--layers", "middle", "5"],
        ["latent", "truncation", run, "--inputs", "0", "--psi", "1", "-0.5"],
        ["latent", "noise", run, "--inputs", "0", "--count", "4"],
        ["edit", run, "0", "--move", "one", "--space", "w+", "--layers", "coarse"],
    ):
        assert main([*command, *options]) == 0
        assert f"{out}\n" in capsys.readouterr().out
    assert main(["latent", "video", run, "--seconds", "0.2", "--columns", "2", "--out", str(tmp_path / "a.gif")]) == 0
    for command, message in (
        (["latent", "mix", run, "--layers", "4-9"], "There is no layer 9: stylegan2 has the layers 0 to 5"),
        (["latent", "truncation", run, "--psi", "7"], "must be from -2 to 2"),
        (["latent", "directions", run], "give --space w"),
    ):
        capsys.readouterr()
        assert main([*command, *options]) == 2
        assert message in capsys.readouterr().err
