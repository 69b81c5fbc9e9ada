"""`imagewright compress` as it is typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import simple_pictures

from imagewright.analysis.compression.comparison import FILES
from imagewright.cli import main


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, picture in enumerate(simple_pictures(12)):
        Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).save(folder / f"{number:02d}.png")
    return folder


@pytest.mark.learning
def test_compress(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compress", str(photos), "--methods", "jpeg", "pca", "--components", "4", "--count", "2"]
    command += ["--qualities", "20", "80", "--out", str(tmp_path / "made")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "2 test pictures, 10 others to fit on." in printed
    assert "jpeg: " in printed
    assert "(quality 80)" in printed
    assert {path.name for path in (tmp_path / "made").iterdir()} == set(FILES)
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--methods", "jpgg"], "There is no method or run 'jpgg'. Did you mean 'jpeg'?"),
        (["--qualities", "0"], "for --qualities. It must be 1 to 100"),
        (["--count", "0"], "for --count. It must be 1 or more"),
        (["--rate", "0"], "for --rate. It must be above 0"),
        (["--subsampling", "4:1:1"], "4:2:0"),
        (["--channels", "4"], "channels"),
    ],
)
def test_mistakes(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: list[str], message: str
) -> None:
    assert main(["compress", str(photos), "--out", str(tmp_path / "made"), *typed]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "made").exists()


def test_a_file_in_the_way_and_a_source_that_is_not_there(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert main(["compress", str(photos), "--out", str(taken)]) == 2
    assert f"{taken} is a file" in capsys.readouterr().err
    assert taken.read_text() == "mine"
    assert main(["compress", str(tmp_path / "nowhere"), "--out", str(tmp_path / "made")]) == 2
    assert "nowhere" in capsys.readouterr().err
