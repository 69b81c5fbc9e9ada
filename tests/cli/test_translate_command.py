"""`imagewright translate`: sheets, folders at full size, raw arrays, and mistakes in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import simple_pictures
from translators import Attributes, Blurs, FewShot, Lamp, register, write_run

import imagewright as iw
from imagewright.cli import main
from imagewright.model import Model
from imagewright.verbs import translation_sheets


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def run_of(model: type[Model], tmp_path: Path) -> str:
    return str(write_run(model(), tmp_path / model.__name__.lower()).path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of different sizes, one of them turned by its EXIF mark, and a broken file."""
    place = tmp_path / "pictures"
    (place / "more").mkdir(parents=True)
    for name, size in (("a.png", (20, 31)), ("b.png", (16, 16)), ("more/c.png", (33, 17))):
        Image.fromarray(simple_pictures(1, size)[0].transpose(1, 2, 0)).save(place / name)
    turned = Image.Exif()
    turned[0x112] = 6
    Image.fromarray(simple_pictures(1, (24, 40))[0].transpose(1, 2, 0)).save(place / "d.jpg", exif=turned)
    (place / "e.png").write_bytes(b"no picture")
    return place


def pixels(path: Path) -> torch.Tensor:
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def test_translations_that_are_written_stay_and_are_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = run_of(Lamp, tmp_path), tmp_path / "out"
    real, calls = translation_sheets.write_image, []

    def write_image(*given: Any, **options: Any) -> Path:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given, **options)

    monkeypatch.setattr(translation_sheets, "write_image", write_image)
    assert main(["translate", run, str(folder), "--to", "dark", "--out", str(out)]) == 130
    assert f"Interrupted. 2 of 5 translations are written in {out}." in capsys.readouterr().err
    assert len(list(out.iterdir())) == 2


def test_a_folder_holds_each_picture_at_its_own_size_under_its_own_name(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = run_of(Lamp, tmp_path), tmp_path / "out"
    assert main(["translate", run, str(folder), "--to", "dark", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png", "c.png", "d.png"]
    assert pixels(out / "a.png").shape == (3, 20, 31)
    assert pixels(out / "d.png").shape == (3, 40, 24)
    for name in ("a.png", "more/c.png"):
        expected = iw.translate(run, pixels(folder / name)[None], to="dark")[0]
        assert torch.equal(pixels(out / Path(name).name), expected)
    printed = capsys.readouterr()
    assert "4 pictures" in printed.out
    assert "1 unreadable picture is left out: e.png (" in printed.err
    assert "Traceback" not in printed.err
    record = iw.inspect(out / "a.png")["provenance"]
    assert record["verb"] == "translate"
    assert record["settings"]["to"] == "dark"
    assert record["digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")


def test_several_pictures_and_sources_at_once(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = run_of(Lamp, tmp_path), tmp_path / "out"
    alone = folder / "more"
    given = [str(folder / "b.png"), str(folder / "d.jpg"), str(alone)]
    assert main(["translate", run, *given, "--to", "dark", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["b.png", "c.png", "d.png"]
    for name in ("b.png", "more/c.png"):
        assert torch.equal(pixels(out / Path(name).name), iw.translate(run, folder / name, to="dark")[0])
    assert pixels(out / "d.png").shape == (3, 40, 24)
    few = tmp_path / "few"
    assert main(["translate", run, *given, "--count", "2", "--to", "dark", "--out", str(few)]) == 0
    assert sorted(path.name for path in few.iterdir()) == ["b.png", "c.png"]
    assert "2 of 3 pictures are translated" in capsys.readouterr().err
    sheet = tmp_path / "sheet.png"
    assert main(["translate", run, *given, str(folder / "e.png"), "--to", "dark", "--out", str(sheet)]) == 0
    assert iw.inspect(sheet)["provenance"]["settings"]["count"] == 4
    assert "1 unreadable picture is left out: e.png (" in capsys.readouterr().err
    assert main(["translate", run, "--to", "dark", "--out", str(tmp_path / "none.png")]) == 2
    assert "PICTURES" in capsys.readouterr().err


def test_several_references(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = run_of(Lamp, tmp_path), tmp_path / "out"
    Image.new("RGB", (20, 20), "white").save(tmp_path / "white.png")
    references = [str(folder / "a.png"), str(tmp_path / "white.png"), str(folder / "more")]
    typed = ["translate", run, str(folder / "b.png"), "--to", "dark", "--like", *references]
    assert main([*typed, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["b_0.png", "b_1.png", "b_2.png"]
    for number, like in enumerate((folder / "a.png", tmp_path / "white.png", folder / "more" / "c.png")):
        assert torch.equal(
            pixels(out / f"b_{number}.png"), iw.translate(run, folder / "b.png", to="dark", like=like)[0]
        )
    said = capsys.readouterr().err
    assert said.count("The reference white has no content") == 1
    assert iw.inspect(out / "b_0.png")["provenance"]["settings"]["references"] == ["a", "white", "c"]
    assert main([*typed, "--styles", "2", "--out", str(tmp_path / "two")]) == 0
    assert len(list((tmp_path / "two").iterdir())) == 2
    assert "asked for" not in capsys.readouterr().err
    assert main([*typed[:-2], "--styles", "99", "--out", str(tmp_path / "one")]) == 0
    assert "99 styles were asked for, and a has 1." in capsys.readouterr().err


def test_the_model_size_and_one_picture_file(folder: Path, tmp_path: Path) -> None:
    run, out = run_of(Blurs, tmp_path), tmp_path / "out"
    assert main(["translate", run, str(folder / "a.png"), "--size", "model", "--out", str(out)]) == 0
    (written,) = out.iterdir()
    assert written.name == "a.png"
    expected = iw.open_images(folder, size=16, channels=3).subset(np.array([0])).batch(np.array([0])).images
    assert torch.equal(pixels(written), iw.translate(run, expected)[0])


def test_a_picture_smaller_than_the_network_takes_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = run_of(Blurs, tmp_path), tmp_path / "out"
    Image.new("RGB", (3, 9), "red").save(tmp_path / "dot.png")
    assert main(["translate", run, str(tmp_path / "dot.png"), str(folder / "b.png"), "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert "dot.png (3x9) is smaller than" in said
    assert "b.png" not in said
    assert pixels(out / "dot.png").shape == (3, 9, 3)


def test_many_small_and_unreadable_pictures_take_a_line_each_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, source = run_of(Blurs, tmp_path), tmp_path / "many"
    source.mkdir()
    for number in range(4):
        Image.new("RGB", (3, 9), "red").save(source / f"{number}.png")
        (source / f"broken{number}.png").write_bytes(b"")
    assert main(["translate", run, str(source), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert sum("4 unreadable pictures are left out" in line for line in said) == 1
    assert sum("0.png (3x9) and 3 more are smaller than" in line for line in said) == 1
    assert len(said) == 2


def test_references_are_not_read_for_a_model_without_styles(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    options = ["--like", str(tmp_path / "red.png"), "--out", str(tmp_path / "sheet.png")]
    assert main(["translate", run_of(Blurs, tmp_path), str(folder), *options]) == 2
    said = capsys.readouterr().err
    assert "one way only" in said
    assert "no content" not in said


def test_styles_have_files_of_their_own(folder: Path, tmp_path: Path) -> None:
    run, out = run_of(Lamp, tmp_path), tmp_path / "out"
    typed = ["translate", run, str(folder / "b.png"), "--to", "bright", "--styles", "2", "--seed", "3"]
    assert main([*typed, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["b_0.png", "b_1.png"]
    expected = iw.translate(run, folder / "b.png", to="bright", styles=2, seed=3)[0]
    assert torch.equal(pixels(out / "b_1.png"), expected[1])
    raw = tmp_path / "raw.npz"
    assert main([*typed, "--out", str(raw)]) == 0
    with np.load(raw) as file:
        assert np.array_equal(file["images"], expected)


def test_a_sheet_has_a_row_for_the_input_and_for_each_target(tmp_path: Path) -> None:
    run = run_of(Lamp, tmp_path)
    heights, widths = [], []
    for options in ([], ["--styles", "3"], ["--like", "digits", "--styles", "3"]):
        out = tmp_path / "sheet.png"
        typed = ["translate", run, "faces", "--count", "5", "--to", "bright", *options, "--out", str(out), "--force"]
        assert main(typed) == 0
        with Image.open(out) as sheet:
            heights.append(sheet.height)
            widths.append(sheet.width)
    row = (heights[1] - heights[0]) // 2
    assert row > 100
    assert heights[1] == heights[2] == heights[0] + 2 * row
    assert widths[2] >= widths[1] + row - 40  # a column of the references


def test_attributes_and_few_shot_references(tmp_path: Path) -> None:
    run, out = run_of(Attributes, tmp_path), tmp_path / "out.npz"
    assert main(["translate", run, "faces", "--count", "2", "--to", "Light", "Red=0", "--out", str(out)]) == 0
    faces = iw.open_images("faces", size=16, channels=3)
    chosen = faces.batch(np.array([0, len(faces) - 1])).images
    with np.load(out) as file:
        assert np.array_equal(file["images"], iw.translate(run, chosen, to={"Light": 1, "Red": 0}))
    few = run_of(FewShot, tmp_path)
    sheet = tmp_path / "few.png"
    assert main(["translate", few, "faces", "--count", "2", "--like", "digits", "--out", str(sheet)]) == 0
    assert len(iw.inspect(sheet)["provenance"]["settings"]["references"]) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["faces"], "bright, dark"),
        (["faces", "--to", "brigth"], "Did you mean 'bright'"),
        (["faces", "--to", "bright", "dark"], "one domain was expected"),
        (["faces", "--to", "bright", "--count", "0"], "for --count. It must be 1 or more"),
        (["faces", "--to", "bright", "--styles", "0"], "for --styles. It must be 1 or more"),
        (["nowhere", "--to", "bright"], "nothing at 'nowhere'"),
        (["faces", "--to", "bright", "--like", "nowhere"], "nothing at 'nowhere'"),
        (["faces", "--to", "bright", "--size", "64"], "--size"),
    ],
)
def test_mistakes_take_one_line_and_leave_nothing(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    assert main(["translate", run_of(Lamp, tmp_path), *options, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not out.exists()


def test_a_folder_inside_the_source_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, inside = run_of(Blurs, tmp_path), folder / "translated"
    assert main(["translate", run, str(folder), "--out", str(inside)]) == 2
    assert "whose pictures are read" in capsys.readouterr().err
    assert not inside.exists()
    assert main(["translate", run, str(folder), "--out", str(folder / "sheet.png")]) == 0


def test_what_is_there_is_not_written_over(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = run_of(Blurs, tmp_path), tmp_path / "out"
    out.mkdir()
    (out / "c.png").write_bytes(b"mine")
    assert main(["translate", run, str(folder), "--out", str(out)]) == 2
    assert [path.name for path in out.iterdir()] == ["c.png"]
    assert "c.png exists already" in capsys.readouterr().err


def test_ctrl_c_ends_with_its_code_and_whole_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = run_of(Blurs, tmp_path), tmp_path / "out"
    translated = Blurs.translate

    def interrupted(self: Blurs, images: torch.Tensor, target: object) -> torch.Tensor:
        if images.shape[-1] == 16:  # the second picture
            raise KeyboardInterrupt
        return translated(self, images, target)

    monkeypatch.setattr(Blurs, "translate", interrupted)
    assert main(["translate", run, str(folder), "--out", str(out)]) == 130
    assert [path.name for path in out.iterdir()] == ["a.png"]
    assert pixels(out / "a.png").shape == (3, 20, 31)
    assert "Interrupted" in capsys.readouterr().err
