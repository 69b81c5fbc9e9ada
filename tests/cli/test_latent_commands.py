"""`imagewright interpolate`, and `imagewright latent grid|traverse|list`: what they write, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli.app import main
from imagewright.latent import store
from imagewright.runs.run import Run


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("vae", simple_pictures(), tmp_path_factory.mktemp("vae") / "run").path


@pytest.fixture(scope="module")
def infogan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("infogan", simple_pictures(), tmp_path_factory.mktemp("infogan") / "run").path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "anna.png"
    Image.fromarray(simple_pictures(1, (40, 30))[0].transpose(1, 2, 0)).convert("L").save(path)
    return path


def provenance(path: Path) -> dict[str, object]:
    found: dict[str, object] = iw.inspect(path)["provenance"]
    return found


def test_interpolating_between_a_picture_and_a_seed(
    vae: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "walk.png"
    assert main(["interpolate", str(vae), "--between", str(photo), "3", "--steps", "4", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out)
    assert "anna.png is resized from 30x40 to 16x16 and converted from grey to RGB" in printed.err
    assert provenance(out)["settings"] == {
        "steps": 4,
        "interpolation": "spherical",
        "ends": ["anna", "seed 3"],
        "loop": False,
        "pace": "even",
    }


def test_an_animation_is_a_loop_by_default(vae: Path, tmp_path: Path) -> None:
    for flag, frames in (([], 2 * 4), (["--no-loop"], 5)):
        out = tmp_path / f"walk{len(flag)}.gif"
        assert main(["interpolate", str(vae), "--steps", "5", *flag, "--out", str(out)]) == 0
        assert iw.inspect(out)["frames"] == frames
        assert provenance(out)["settings"]["loop"] is not bool(flag)  # type: ignore[index]


def test_a_looped_sheet_has_a_leg_to_the_first_end(vae: Path, tmp_path: Path) -> None:
    heights = []
    for flag in ([], ["--loop"]):
        out = tmp_path / f"walk{len(flag)}.png"
        assert (
            main(["interpolate", str(vae), "--between", "0", "1", "2", "--steps", "3", *flag, "--out", str(out)]) == 0
        )
        with Image.open(out) as sheet:
            heights.append(sheet.height)
    assert heights[1] - heights[0] == pytest.approx(114, abs=2)  # a third row


def test_four_corners_become_a_square(vae: Path, tmp_path: Path) -> None:
    out = tmp_path / "blend.png"
    assert main(["interpolate", str(vae), "--corners", "0", "1", "2", "3", "--steps", "4", "--out", str(out)]) == 0
    assert provenance(out)["settings"]["ends"] == [f"seed {seed}" for seed in range(4)]  # type: ignore[index]
    with Image.open(out) as sheet:
        assert sheet.width > 4 * 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--between", "0", "1", "--corners", "0", "1", "2", "3"], "give one of them"),
        (["--corners", "0", "1", "2"], "four corners, and there are 3"),
        (["--between", "0"], "two ends or more, and there is 1"),
        (["--between", "0", "missing.jpg"], "missing.jpg cannot be read"),
        (["--between", "0", "smile"], "no name of latents saved in the run"),
        (["--steps", "1"], "for --steps. It must be 2 or more"),
        (["--steps", "0"], "for --steps. It must be 2 or more"),
    ],
)
def test_errors_of_an_interpolation(
    vae: Path, tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "walk.png"
    assert main(["interpolate", str(vae), *options, "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_model_that_cannot_sample_interpolates_between_pictures(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train_tiny("autoencoder", simple_pictures(), tmp_path / "run").path
    out = tmp_path / "walk.png"
    assert main(["interpolate", str(run), "--out", str(out)]) == 2
    message = capsys.readouterr().err
    assert "autoencoder cannot sample" in message
    assert "--between" in message
    assert main(["interpolate", str(run), "--between", str(photo), str(photo), "--out", str(out)]) == 0
    assert provenance(out)["settings"]["interpolation"] == "linear"  # type: ignore[index]


def test_corners_make_no_animation(vae: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "walk.mp4"
    assert main(["interpolate", str(vae), "--corners", "0", "1", "2", "3", "--out", str(out)]) == 2
    assert "no known format" in capsys.readouterr().err


def test_grid_writes_a_figure(vae: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "grid.png"
    command = ["latent", "grid", str(vae), "--source", "digits", "--count", "50", "--steps", "4", "--out", str(out)]
    assert main(command) == 0
    assert "the latents of 50 pictures vary most" in " ".join(capsys.readouterr().err.split())
    assert provenance(out)["verb"] == "latent grid"
    assert provenance(out)["settings"]["source"] == "digits"  # type: ignore[index]
    assert main(command) == 2  # it is there already
    assert "exists already" in capsys.readouterr().err


def test_traverse_writes_one_picture_or_a_file_for_each_sheet(infogan: Path, tmp_path: Path) -> None:
    out = tmp_path / "codes.png"
    assert main(["latent", "traverse", str(infogan), "--steps", "3", "--out", str(out)]) == 0
    assert provenance(out)["settings"]["sheets"] == ["c1", "c2", "c3"]  # type: ignore[index]
    folder = tmp_path / "codes"
    assert main(["latent", "traverse", str(infogan), "--steps", "3", "--out", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["c1.png", "c2.png", "c3.png"]
    assert (
        main(["latent", "traverse", str(infogan), "--dimensions", "c2", "4", "--out", str(tmp_path / "two.png")]) == 0
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["grid", "--dimensions", "0", "9"], "There is no latent 9"),
        (["grid", "--steps", "1"], "for --steps. It must be 2 to 100"),
        (["grid", "--source", "digits", "--count", "1"], "--count 1"),
        (["traverse", "--dimensions", "-1"], "is no latent"),
        (["traverse", "--codes"], "leave --codes out"),
        (["traverse", "--codes", "--dimensions", "1"], "give one of them"),
        (["traverse", "--inputs", "nobody"], "'nobody' is no seed"),
    ],
)
def test_errors_of_grid_and_traverse(
    vae: Path, tmp_path: Path, command: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "view.png"
    assert main(["latent", command[0], str(vae), *command[1:], "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_list_shows_saved_names_and_whether_they_fit(vae: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latent", "list", str(vae)]) == 0
    assert "No directions and no latents are saved" in capsys.readouterr().out
    run = Run(vae)
    model = iw.load(run)
    direction = {"direction": torch.tensor([1.0, 0, 0, 0]), "scale": torch.tensor(1.0)}
    store.save(run, model, "smile", "direction", direction, {"found": "from 20 marked pictures"})
    store.save(run, model, "people", "latents", {"latents": torch.zeros(3, 4)}, {"names": ["a", "b", "c"]})
    (vae / "latents" / "broken.safetensors").write_bytes(b"no tensors")
    assert main(["latent", "list", str(vae), "--json"]) == 0
    lines = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert lines["smile"]["kind"] == "direction"
    assert lines["smile"]["found"] == "from 20 marked pictures"
    assert lines["people"]["count"] == 3
    assert lines["people"]["usable"] == "yes"
    assert "damaged" in lines["broken"]["usable"]
    assert main(["latent", "list", str(vae)]) == 0
    assert "3 latents" in capsys.readouterr().out
