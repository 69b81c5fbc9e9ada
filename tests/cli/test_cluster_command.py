"""`imagewright cluster` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagewright.cli import main


def test_clusters_of_digits(capsys, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["cluster", "digits", "--clusters", "12", "--map", "pca", "--out", str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "12 clusters of" in printed
    assert "purity 0." in printed
    assert {path.name for path in out.iterdir()} == {"clusters.csv", "sheet.png", "map.png", "map.csv", "report.json"}
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--clusters", "many"], "--clusters many"),
        (["--clusters", "5000"], "--clusters 5000, but 1,797 pictures"),
        (["--clusters", "0"], "--clusters 0"),
        (["--run", "no-run"], "no-run"),
        (["--method", "kmean"], "kmean"),
        (["--labels", "none.csv"], "none.csv"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(capsys, tmp_path: Path, options: list[str], expected: str) -> None:
    assert main(["cluster", "digits", "--out", str(tmp_path / "out"), *options]) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert not (tmp_path / "out").exists()
