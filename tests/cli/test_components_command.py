"""`imagewright components`: its files, its summary, and the mistakes that it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.analysis.components.components import FILES
from imagewright.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message of a command that fails by the user's mistake."""
    capsys.readouterr()
    assert main(["components", *arguments]) == 2
    message = capsys.readouterr().err.strip()
    assert 0 < len(message.splitlines()) <= 2, message
    assert "Traceback" not in message
    return message


def test_four_figures_and_the_numbers_are_written_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components", "digits", "--out", "out", "--picture", "3"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:5] == [str(Path("out") / name) for name in FILES]
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(FILES)
    assert printed[5] == "1,797 pictures of 8x8x1: 64 principal components explain 100.0% of the variance."
    assert printed[6] == "Components that explain 90%: 21, 95%: 29, 99%: 41. Before the elbow: 10."
    assert printed[7].startswith("000003 is near the mean ")
    numbers = json.loads(Path("out/components.json").read_text())
    assert numbers["components_for"] == {"90%": 21, "95%": 29, "99%": 41}
    assert numbers["picture"] == {"index": 3, "name": "000003"}
    for name in FILES[:4]:
        with Image.open(Path("out") / name) as picture:
            assert min(picture.size) > 100


@pytest.mark.parametrize("method", ["ica", "lda", "random"])
def test_each_method_prints_its_result(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["components", "digits", "--method", method, "--components", "9", "--out", "out"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    names = {"ica": "9 independent components", "lda": "9 discriminants", "random": "9 random directions"}
    assert names[method] in printed
    assert ("too few for any bound (Johnson-Lindenstrauss)" in printed) == (method == "random")


def test_a_rotation_that_did_not_converge_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagewright.models.linear.ica.TOLERANCE", 0.0)
    assert main(["components", "digits", "--method", "ica", "--components", "3", "--out", "out"]) == 0
    assert "did not converge" in capsys.readouterr().out


def test_nothing_is_overwritten_unless_forced_and_files_are_no_folders(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("digits", "--components", "5", "--out", "out")
    Path("out").mkdir()
    Path("out/sum.png").write_text("mine")
    assert "sum.png exists already" in refused(capsys, *command)
    assert [path.name for path in Path("out").iterdir()] == ["sum.png"]
    assert main(["components", *command, "--force"]) == 0
    assert "is a file" in refused(capsys, "digits", "--out", "out/sum.png")


def test_mistakes_are_named_with_the_typed_option(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for index in range(6):
        Path("photos").mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 255, (9, 9), np.uint8)).save(f"photos/{index}.png")
    assert "--components 50" in refused(capsys, "photos", "--components", "50", "--out", "out")
    assert "--picture 6" in refused(capsys, "photos", "--picture", "6", "--out", "out")
    assert "no labels" in refused(capsys, "photos", "--method", "lda", "--out", "out")
    assert 'Did you mean "lda"' in refused(capsys, "photos", "--method", "lad", "--out", "out")
    assert "nothing at" in refused(capsys, "photo", "--out", "out")
    for path in list(Path("photos").iterdir())[1:]:
        path.unlink()
    assert "holds one picture" in refused(capsys, "photos", "--out", "out")
    assert not Path("out").exists()
