"""`imagewright edit`, `latent attribute` and `latent arithmetic`, as typed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import train_tiny

from imagewright.cli.app import main
from imagewright.output.inspecting import inspect_file


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark pictures and bright ones, with a table."""
    folder = tmp_path_factory.mktemp("labelled")
    generator = np.random.default_rng(0)
    with (folder / "attributes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "Bright", "Odd"])
        for number in range(24):
            grey = 60 + 120 * (number >= 12)
            pixels = generator.normal(grey, 15, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:02}.png")
            table.writerow([f"{number:02}.png", int(number >= 12), number % 2])
    return folder


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = np.stack([np.asarray(Image.open(path)).transpose(2, 0, 1) for path in sorted(source.glob("*.png"))])
    return train_tiny("pca", pixels, tmp_path_factory.mktemp("runs") / "pca").path


def failed(capsys: pytest.CaptureFixture[str], *typed: object) -> str:
    assert main([str(each) for each in typed]) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def test_from_labels_to_an_edited_picture(
    run: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "bright.png"
    typed = ["latent", "attribute", run, source, "--attribute", "Bright", "--save", "bright", "--out", sheet]
    assert main([str(each) for each in [*typed, "--orthogonal-to", "Odd"]]) == 0
    assert "Bright by mean difference, 12 with and 12 without, orthogonal to Odd" in capsys.readouterr().out
    record = inspect_file(sheet)["provenance"]
    assert record["verb"] == "attribute"
    assert "compositeWith" in record["digital_source_type"]
    assert "exists already" in failed(capsys, *typed)

    edited = tmp_path / "edited.png"
    picture = source / "03.png"
    assert main(["edit", str(run), str(picture), "2", "--move", "bright", "--out", str(edited), "--steps", "5"]) == 0
    assert inspect_file(edited)["provenance"]["settings"]["moves"] == {"bright": [-3, -1.5, 0, 1.5, 3]}
    folder = tmp_path / "each"
    assert main(["edit", str(run), str(picture), "--move", "bright=2", "--out", str(folder)]) == 0
    assert [path.name for path in folder.iterdir()] == ["03_edited.png"]
    before, after = (np.asarray(Image.open(path)).mean() for path in (picture, folder / "03_edited.png"))
    assert after > before + 30
    loop = tmp_path / "loop.webp"
    assert main(["edit", str(run), "1", "2", "--move", "bright", "--steps", "4", "--out", str(loop)]) == 0
    with Image.open(loop) as frames:
        assert frames.n_frames == 6


def test_arithmetic_as_typed(run: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sum.png"
    typed = ["latent", "arithmetic", run, "light - Odd & Bright + Odd & !Bright", "--source", source]
    assert main([str(each) for each in [*typed, "--set", "light=Bright", "--out", sheet, "--save", "dark"]]) == 0
    assert inspect_file(sheet)["provenance"]["settings"]["sets"] == {"light": "Bright"}
    assert main(["latent", "arithmetic", str(run), "dark", "--out", str(tmp_path / "d.png")]) == 0
    assert main(["latent", "arithmetic", str(run), "- 1 + 2", "--out", str(tmp_path / "minus.png")]) == 0
    assert "add up to 0" in capsys.readouterr().err
    out = ["--out", tmp_path / "x.png"]
    assert "^" in failed(capsys, "latent", "arithmetic", run, "1 + nobody", *out)
    assert "is no set" in failed(capsys, "latent", "arithmetic", run, "1", "--set", "x", *out)
    assert "exists already" in failed(capsys, "latent", "arithmetic", run, "1", "--out", sheet)
    assert not (tmp_path / "x.png").exists()


def test_errors_come_before_the_work(
    run: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    assert "where the direction goes" in failed(capsys, "latent", "attribute", run, source, "--attribute", "Bright")
    assert "Did you mean 'Bright'" in failed(
        capsys, "latent", "attribute", run, source, "--attribute", "Bigt", "--out", out
    )
    assert "no known format" in failed(
        capsys, "latent", "attribute", run, source, "--attribute", "Bright", "--measure", "x.txt"
    )
    assert "Pictures without it" in failed(capsys, "latent", "attribute", run, "--positive", source, "--out", out)
    empty = tmp_path / "empty"
    empty.mkdir()
    failed(capsys, "latent", "attribute", run, "--positive", source, "--negative", empty, "--out", out)
    assert "too few" in failed(
        capsys, "latent", "attribute", run, source, "--attribute", "Bright", "--measure", tmp_path / "m.png"
    )
    assert "--move is missing" in failed(capsys, "edit", run, "1", "--out", out)
    assert "is no move" in failed(capsys, "edit", run, "1", "--move", "a=b", "--out", out)
    assert "no direction 'smile'" in failed(capsys, "edit", run, "1", "--move", "smile", "--out", out)
    assert "At most one direction" in failed(capsys, "edit", run, "1", "--move", "a", "b", "--out", out)
    assert "for --steps. It must be 2" in failed(capsys, "edit", run, "1", "--move", "a", "--steps", "1", "--out", out)
    assert not out.exists()
