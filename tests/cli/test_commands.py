"""Each command from a source to its files, which have a provenance record."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imagewright
from imagewright.catalogue import model_class
from imagewright.cli import main
from imagewright.output.provenance import COMPOSITE, ENHANCED, GENERATED


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PCA of the digits: trained in an instant, and it answers every verb."""
    path = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["train", "pca", "digits", "--components", "8", "--out", str(path), "--quiet"]) == 0
    return path


@pytest.fixture(scope="module")
def cleaner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A denoising autoencoder that has hardly learned."""
    path = tmp_path_factory.mktemp("runs") / "cleaner"
    options = "--noise gaussian:0.5 --network mlp --width 8 --latent-dim 2 --images-seen 0.2k --batch-size 50 --quiet"
    assert main(["train", "autoencoder", "digits", "--out", str(path), *options.split()]) == 0
    return path


def inspected(path: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    assert main(["inspect", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_typed_options_reach_the_run_and_others_keep_their_defaults(
    cleaner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = inspected(cleaner, capsys)
    assert found["kind"] == "run"
    assert found["config"]["noise"] == "gaussian:0.5"
    assert found["config"]["latent_dim"] == 2
    assert found["options"]["images_seen"] == 200
    assert found["options"]["learning_rate"] is None
    assert found["plan"]["batch_size"] == 50
    assert found["checkpoints"][-1] == 200
    assert found["damaged"] == []


def test_the_help_of_a_model_lists_its_own_options_and_no_other_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "dcgan", "--help"]) == 0
    dcgan = capsys.readouterr().out
    assert main(["train", "pca", "--help"]) == 0
    pca = capsys.readouterr().out
    assert "--penalty" in dcgan
    assert "--penalty" not in pca
    assert "--components" in pca
    assert "--components" not in dcgan
    for shared in ("--images-seen", "--size", "--resume", "--out", "SOURCE"):
        assert shared in dcgan
        assert shared in pca


def test_sample_writes_a_sheet_with_its_record_and_never_over_another(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "samples.png"
    command = ["sample", str(run), "--count", "6", "--seed", "3", "--out", str(out)]
    assert main(command) == 0
    assert capsys.readouterr().out.strip() == str(out)
    record = inspected(out, capsys)["provenance"]
    assert record["digital_source_type"] == GENERATED
    assert (record["verb"], record["model"], record["run"], record["seed"]) == ("sample", "pca", "digits", 3)
    assert record["images_seen"] == 1797
    assert record["settings"] == {"count": 6}
    before = out.read_bytes()
    assert main(command) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert main([*command[:-3], "4", "--out", str(out), "--force"]) == 0
    assert out.read_bytes() != before


def test_raw_samples_and_a_folder_hold_the_public_functions_pictures(run: Path, tmp_path: Path) -> None:
    expected = imagewright.sample(run, 3, seed=5).numpy()
    assert main(["sample", str(run), "--count", "3", "--seed", "5", "--out", str(tmp_path / "raw.npz")]) == 0
    with np.load(tmp_path / "raw.npz") as archive:
        assert np.array_equal(archive["images"], expected)
    assert main(["sample", str(run), "--count", "3", "--seed", "5", "--out", str(tmp_path / "each")]) == 0
    files = sorted((tmp_path / "each").iterdir())
    pictures = []
    for file in files:
        with Image.open(file) as picture:
            pictures.append(np.asarray(picture))
    assert np.array_equal(np.stack(pictures)[:, None], expected)


def test_reconstruct_shows_input_above_reconstruction(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "rows.png"
    assert main(["reconstruct", str(run), "digits", "--count", "4", "--out", str(sheet)]) == 0
    found = inspected(sheet, capsys)
    assert found["provenance"]["digital_source_type"] == COMPOSITE
    assert found["provenance"]["settings"] == {"source": "digits", "count": 4}
    assert found["width"] > found["height"]
    folder = tmp_path / "each"
    assert main(["reconstruct", str(run), "digits", "--count", "4", "--out", str(folder)]) == 0
    files = sorted(folder.iterdir())
    assert len(files) == 4
    assert inspected(files[0], capsys)["provenance"]["digital_source_type"] == ENHANCED


def test_a_denoising_model_cleans_pictures_as_they_are_and_damages_them_only_when_asked(
    cleaner: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = imagewright.open_images("digits").batch(np.array([0, 599, 1197, 1796])).images
    heights = []
    for number, options in enumerate([[], ["--add-noise"]]):
        sheet, arrays = tmp_path / f"{number}.png", tmp_path / f"{number}.npz"
        for out in (sheet, arrays):
            command = ["reconstruct", str(cleaner), "digits", "--count", "4", "--seed", "3", "--out", str(out)]
            assert main([*command, *options]) == 0
        printed = capsys.readouterr().err
        assert ("it cleans the pictures as they are" in printed) == (not options)
        with np.load(arrays) as found, Image.open(sheet) as picture:
            heights.append(picture.height)
            expected = imagewright.reconstruct(cleaner, pictures, add_noise=bool(options), seed=3)
            assert np.array_equal(found["images"], expected)
        record = inspected(sheet, capsys)["provenance"]
        assert record["settings"].get("added_noise") == ("gaussian:0.5" if options else None)
    assert heights[1] - heights[0] >= 96
    assert main(["reconstruct", str(run), "digits", "--add-noise", "--out", str(tmp_path / "no.png")]) == 2
    assert "pca was not trained to remove noise" in capsys.readouterr().err
    assert imagewright.reconstruction_sheet(cleaner, "digits", 2).row_labels == ["input", "cleaned"]
    noisy = imagewright.reconstruction_sheet(cleaner, "digits", 2, add_noise=True)
    assert noisy.row_labels == ["input", "with noise", "reconstruction"]
    assert noisy.title == "autoencoder: reconstructions of 2 of 1,797 pictures, gaussian:0.5 added"


def test_one_picture_is_a_source(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    pixels = imagewright.open_images("digits").batch(np.array([5, 6])).images[:, 0].numpy()
    for name, each in zip(("anna.png", "ben.png"), pixels, strict=True):
        Image.fromarray(each).save(folder / name)
    anna = folder / "anna.png"
    assert imagewright.encode(run, anna).shape == (1, 8)
    assert torch.equal(imagewright.encode(run, str(anna)), imagewright.encode(run, pixels[:1, None]))
    assert len(imagewright.open_images(anna)) == 1
    for command, name in (("reconstruct", "a.png"), ("score", "b.csv"), ("interpolate", "c.png")):
        inputs = ["--between", str(anna), "3"] if command == "interpolate" else [str(anna)]
        assert main([command, str(run), *inputs, "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "b.csv").read_text().splitlines()[1].startswith("anna.png,")
    (folder / "labels.csv").write_text("name,label\nanna.png,7\nben.png,8\n")
    assert imagewright.open_images(anna).class_names is not None
    assert main(["train", "gda", "digits", "--out", str(tmp_path / "gda"), "--components", "5", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["classify", str(tmp_path / "gda"), str(anna), "--out", str(tmp_path / "d.csv")]) == 0
    assert "of 1 picture right" in capsys.readouterr().out
    assert main(["reconstruct", str(run), str(anna), "--split", "test", "--out", str(tmp_path / "e.png")]) == 2
    assert "has no parts" in capsys.readouterr().err
    assert main(["reconstruct", str(run), str(anna), "--out", str(anna), "--force"]) == 2


@pytest.mark.parametrize("suffix", [".png", ".gif", ".webp", ".mp4"])
def test_interpolate_writes_a_sheet_or_an_animation(
    run: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if suffix == ".mp4":
        pytest.importorskip("av", reason="needs PyAV, of the extra `faces`")
    out = tmp_path / f"walk{suffix}"
    assert (
        main(["interpolate", str(run), "--between", "1", "2", "7", "--steps", "5", "--no-loop", "--out", str(out)]) == 0
    )
    found = inspected(out, capsys)
    assert found["provenance"]["verb"] == "interpolate"
    assert found["provenance"]["settings"]["ends"] == ["seed 1", "seed 2", "seed 7"]
    if suffix in (".gif", ".webp"):
        assert found["frames"] == 2 * 4 + 1


def test_python_writes_the_same_files_as_the_commands(run: Path, cleaner: Path, tmp_path: Path) -> None:
    """What a notebook or a web page builds with the library is the command's file to the byte, record included."""
    sheets = {
        f"sample {run} --count 3 --seed 2": imagewright.sample_sheet(run, 3, seed=2),
        f"reconstruct {cleaner} digits --count 2": imagewright.reconstruction_sheet(cleaner, "digits", 2),
        f"interpolate {run} --between 1 5 --steps 3": imagewright.interpolation_sheet(run, 3, ends=(1, 5)),
        f"interpolate {run} --corners 0 1 2 3 --steps 3": imagewright.blend_sheet(run, (0, 1, 2, 3), 3),
        "data grid digits --count 5": imagewright.grid_sheet("digits", 5),
    }
    for command, sheet in sheets.items():
        ours, theirs = tmp_path / "python.png", tmp_path / "command.png"
        assert main([*command.split(), "--out", str(theirs), "--force"]) == 0
        sheet.write(ours, force=True)
        assert ours.read_bytes() == theirs.read_bytes(), command


def test_interpolate_between_pictures_of_a_source(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "walk.npz"
    command = ["interpolate", str(run), "--source", "digits", "--count", "3", "--steps", "4", "--out", str(out)]
    assert main(command) == 0
    with np.load(out) as archive:
        assert archive["images"].shape == (2 * 3 + 1, 1, 8, 8)


def test_score_writes_a_table_and_a_sheet(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scores.csv"
    assert main(["score", str(run), "digits", "--out", str(out)]) == 0
    assert "nats" in capsys.readouterr().out
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1797
    expected = imagewright.score(run, "digits")
    assert [float(row["score"]) for row in rows] == pytest.approx(expected.tolist(), rel=1e-6)
    assert out.with_suffix(".png").exists()
    assert main(["score", str(run), "digits", "--out", str(out)]) == 2


def test_data_check_prepare_and_grid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (5, 20, 30, 3), np.uint8)
    for index, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "broken.jpg").write_text("this is no picture")
    assert main(["data", "check", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "broken.jpg" in printed
    assert "30x20" in printed
    assert main(["data", "check", str(folder), "--strict"]) == 2
    assert "1 of 6" in capsys.readouterr().err
    assert main(["data", "prepare", str(folder), "--size", "24x16"]) == 0
    assert "5 pictures of 24x16x3 are ready" in capsys.readouterr().out
    sheet = tmp_path / "sheet.png"
    assert main(["data", "grid", str(folder), "--out", str(sheet)]) == 0
    assert inspected(sheet, capsys)["provenance"] is None


def test_an_existing_run_is_not_replaced(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["train", "pca", "digits", "--out", str(run)]) == 2
    assert "--force" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_progress_goes_to_the_error_stream_and_the_result_to_the_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", "pca", "digits", "--components", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert str(out / "report.html") in printed.out
    assert "images" in printed.err
    assert (out / "report.html").exists()


def test_a_published_checkpoint_becomes_a_run_that_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    dcgan = model_class("dcgan")
    file, run, out = tmp_path / "generator.pth", tmp_path / "run", tmp_path / "samples.npz"
    torch.save(dcgan(dcgan.Config.tiny(size=(16, 16), channels=3)).generator.state_dict(), file)
    assert main(["import", str(file), "--as", "dcgn", "--out", str(run)]) == 2
    assert "Did you mean 'dcgan'?" in capsys.readouterr().err
    assert not run.exists()
    assert main(["import", str(file), "--as", "dcgan", "--out", str(run)]) == 0
    assert main(["sample", str(run), "--count", "2", "--out", str(out)]) == 0
    with np.load(out) as archive:
        assert archive["images"].shape == (2, 3, 16, 16)
