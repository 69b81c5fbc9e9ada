"""What a newcomer reads in the first hour: sets of a few pictures, pairs, damage, words of other programs, counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import simple_pictures, tiny_options

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import UserError
from imagewright.familiar_names import COMMANDS
from imagewright.training import planning, timing
from imagewright.training.trial import Trial

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    """Runs a command in an empty folder: its exit code, and all that it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def write_pictures(folder: Path, count: int, size: tuple[int, int] = (16, 16)) -> None:
    folder.mkdir()
    for number, picture in enumerate(simple_pictures(count, size)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"{number}.png")


def tiny_words(model: str) -> list[str]:
    """The options of a model's tiny preset, as typed."""
    options = tiny_options(model).items()
    return [word for name, value in options for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.mark.parametrize("channels", [3, 4])
def test_an_array_of_one_colour_photograph_is_one_picture(channels: int) -> None:
    images = iw.open_images(np.zeros((32, 32, channels), np.uint8))
    assert len(images) == 1
    assert (images.size, images.channels) == ((32, 32), channels)


@pytest.mark.parametrize(("count", "expected"), [(1, "few holds one picture"), (4, "few holds 4 pictures"), (11, "")])
def test_training_and_the_check_say_that_pictures_are_few(said: Said, count: int, expected: str) -> None:
    write_pictures(Path("few"), count)
    _, checked = said("data", "check", "few")
    length = ["--images-seen", "16", "--batch-size", "8", "--out", "run"]
    code, trained = said("train", "vae", "few", *length, *tiny_words("vae"))
    assert code == 0, trained
    for text in (checked, trained):
        assert ("a model trained on so few" in text) == bool(expected)
        assert expected in text
    assert ("few: 1 picture, 1 readable" in checked) == (count == 1)


def test_a_set_without_a_readable_picture_is_a_failure_with_a_sentence(said: Said) -> None:
    Path("broken.jpg").write_bytes(b"no picture")
    code, text = said("data", "check", "broken.jpg")
    assert code == 2
    assert "No picture of broken.jpg can be read" in text


@pytest.mark.parametrize(("size", "is_hinted"), [((16, 32), True), ((16, 16), False)])
def test_pictures_twice_as_wide_as_high_may_be_pairs(said: Said, size: tuple[int, int], is_hinted: bool) -> None:
    write_pictures(Path("pairs"), 3, size)
    code, text = said("data", "check", "pairs")
    assert code == 0
    assert ("`imagewright train pix2pix` learns from the pairs" in text) == is_hinted


def test_the_last_line_of_a_training_says_how_far_it_came(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "run_trial", lambda *_, **__: Trial({"fp32": 1e6}, {"fp32": 1.0}))
    write_pictures(Path("some"), 16)
    options = tiny_words("autoencoder")
    code, text = said(
        "train", "autoencoder", "some", "--minutes", "0.01", "--batch-size", "8", "--out", "run", *options
    )
    seen, planned = iw.Run("run").checkpoints()[-1].images_seen, iw.Run("run").record["plan"]["images_seen"]
    assert code == 0
    assert 0 < seen < planned
    assert f"run is trained on {seen:,} of {planned:,} images" in text
    monkeypatch.setattr(timing, "GRACE", 1e9)
    whole = ["--images-seen", "16", "--batch-size", "8", "--out", "whole"]
    assert "whole is trained: " in said("train", "autoencoder", "some", *whole, *options)[1]


def test_messages_name_options_as_typed_and_what_is_shown(said: Said) -> None:
    """Also those that were not typed: no keyword of Python on the command line, no option in Python."""
    write_pictures(Path("one"), 1)
    assert "--train-on SOURCE" in said("outliers", "one", "--out", "o")[1]
    assert "--methods jpeg" in said("compress", "one", "--methods", "pca", "--out", "c")[1]
    write_pictures(Path("some"), 16)
    train = ["train", "vae", "some", "--images-seen", "16", "--batch-size", "8", "--out", "run", *tiny_words("vae")]
    assert said(*train)[0] == 0
    assert "vae with --condition labels" in said("sample", "run", "--label", "cat", "--out", "s.png")[1]
    assert "--count N for more" in said("reconstruct", "run", "some", "--out", "r.png")[1]
    write_pictures(Path("few"), 2)
    assert "--count N" not in said("reconstruct", "run", "few", "--out", "f.png")[1]
    ends = ["--between", "few/0.png", "7"]
    assert "as the model reconstructs them" in said("interpolate", "run", *ends, "--out", "i.png")[1]
    assert "reconstructs them" not in said("interpolate", "run", "--out", "j.png")[1]
    assert "--labels FILE" in said("latent", "attribute", "run", "some", "--attribute", "Smile", "--save", "smile")[1]


def test_every_familiar_command_is_one_of_ours(said: Said) -> None:
    for command in sorted(set(COMMANDS.values())):
        assert said(*command.split(), "--help")[0] == 0, command
    for typed in COMMANDS:
        assert f"`imagewright {COMMANDS[typed]}" in said(typed)[1]


def test_sizes_are_width_x_height_in_inspect_and_in_the_report(said: Said) -> None:
    write_pictures(Path("wide"), 16, (16, 32))
    train = ["train", "vae", "wide", "--images-seen", "16", "--batch-size", "8", "--out", "run", *tiny_words("vae")]
    assert said(*train)[0] == 0
    _, text = said("inspect", "run")
    assert "32x16" in text
    assert "16, 32" not in text
    page = Path("run/report.html").read_text()
    assert "32x16" in page
    assert "[16, 32]" not in page


def test_a_pattern_of_pictures_and_an_unknown_suffix(said: Said) -> None:
    write_pictures(Path("some"), 2)
    assert "with --only '*.png'" in said("data", "check", "some/*.png")[1]
    for suffix in ("foo", "xyz"):
        code, text = said("data", "grid", "some", "--out", f"x.{suffix}")
        assert code == 2
        assert "Did you mean" not in text
    assert "Did you mean '.png'?" in said("data", "grid", "some", "--out", "x.pgn")[1]


def test_what_python_shows_of_a_check_is_what_the_command_prints(said: Said) -> None:
    write_pictures(Path("some"), 2)
    report = iw.check("some")
    assert str(report) == repr(report) == "\n".join(report.lines())


def test_one_picture_is_told_as_one(said: Said) -> None:
    write_pictures(Path("one"), 1)
    assert "1 picture of 16x16x3 is ready" in said("data", "prepare", "one")[1]
    assert ": 1 image\n" in said("train", "jpeg", "one", "--out", "run")[1]
    Path("broken").mkdir()
    Path("broken/a.png").write_bytes(b"no picture")
    assert "The one picture looked at in broken cannot be read" in said("data", "grid", "broken", "--out", "b.png")[1]
    with pytest.raises(UserError, match="An int cannot be opened"):
        iw.open_images(3)
    with pytest.raises(UserError, match="size='64': expected a side"):
        iw.open_images("one", "64")  # type: ignore[arg-type]


def test_rows_of_a_table_without_pictures_are_told_where_it_matters(said: Said) -> None:
    """By a new training and the check, and not by every other command."""
    write_pictures(Path("some"), 16)
    rows = [f"{number}.png,{number % 2}" for number in range(40)]
    Path("some/attributes.csv").write_text("\n".join(["name,Smile", *rows]))
    train = ["train", "vae", "some", "--batch-size", "8", "--out", "run", *tiny_words("vae"), "--images-seen"]
    told = "Rows of attributes.csv for pictures that are not there: 24."
    assert told in said("data", "check", "some")[1]
    assert said(*train, "16")[1].count(told) == 1
    code, resumed = said(*train, "32", "--resume")
    assert (code, told in resumed) == (0, False)
    code, rebuilt = said("reconstruct", "run", "some", "--out", "r.png")
    assert (code, told in rebuilt) == (0, False)
