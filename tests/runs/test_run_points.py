"""`RUN@400k`: one checkpoint of a run in one word, in every command that loads a model; and paths with an @ in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tiny import BATCH, simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli.app import main
from imagewright.counts import parse_count, precision_of
from imagewright.errors import RunError, UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    """Checkpoints at 8, 16 and 24 images seen."""
    folder = tmp_path_factory.mktemp("points") / "gan"
    return train_tiny("dcgan", simple_pictures(), folder, steps=3, checkpoint_every=BATCH, report_every=BATCH)


def test_a_point_is_the_checkpoint_that_images_seen_names(run: iw.Run) -> None:
    named = iw.load(f"{run.path}@16")
    assert named.origin is not None
    assert (named.origin.path, named.origin.images_seen) == (run.path, 16)
    assert torch.equal(iw.sample(f"{run.path}@16", 2), iw.sample(iw.load(run, images_seen=16), 2))
    assert torch.equal(iw.sample(f"{run.path}@latest", 2), iw.sample(run, 2))
    assert not torch.equal(iw.sample(f"{run.path}@8", 2), iw.sample(run, 2))


def test_a_rounded_count_means_the_one_checkpoint_that_it_is_rounded_from(run: iw.Run, tmp_path: Path) -> None:
    copied = shutil.copytree(run.path, tmp_path / "gan")
    for seen, other in ((16, 38_464), (24, 38_900)):
        for suffix in (".safetensors", ".state.safetensors"):
            (copied / "checkpoints" / f"{seen:09d}{suffix}").rename(copied / "checkpoints" / f"{other:09d}{suffix}")
    found = iw.load(f"{copied}@38k").origin
    assert found is not None
    assert found.images_seen == 38_464
    with pytest.raises(RunError, match=r"no checkpoint at 38,400 .*@8, @38464, @38900"):
        iw.load(f"{copied}@38400")
    assert precision_of("1.25M") == parse_count("10k")


@pytest.mark.parametrize(
    ("point", "said"), [("17", r"at 17 images seen. It keeps @8, @16, @24"), ("soon", r"'soon' is no number.*@latest")]
)
def test_other_points_are_refused_with_those_that_are_kept(run: iw.Run, point: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        iw.load(f"{run.path}@{point}")
    with pytest.raises(RunError, match="one of them"):
        iw.load(f"{run.path}@16", images_seen=8)


def test_paths_with_an_at_go_on_working(run: iw.Run, tmp_path: Path) -> None:
    copied = shutil.copytree(run.path, tmp_path / "me@home" / "gan@8", dirs_exist_ok=True)
    whole, point = iw.load(copied).origin, iw.load(f"{copied}@8").origin
    assert whole is not None
    assert point is not None
    assert (whole.images_seen, point.images_seen) == (24, 8)
    with pytest.raises(RunError, match="no run directory"):
        iw.load(tmp_path / "nothing@8")


def test_scores_of_a_point_belong_to_its_checkpoint(run: iw.Run, tmp_path: Path) -> None:
    copied = iw.Run(shutil.copytree(run.path, tmp_path / "gan"))
    found = iw.evaluate(
        [f"{copied.path}@8", f"{copied.path}@24"], simple_pictures(), metrics="fd", features="pixels", count=16
    )
    assert [score.images_seen for score in found.scores] == [8, 24]
    compared = iw.compare([f"{copied.path}@8", f"{copied.path}@24"])
    assert {name: [score.images_seen for score in own] for name, own in compared.scores.items()} == {
        "gan@8": [8],
        "gan@24": [24],
    }
    page = compared.write(tmp_path / "page.html").read_text()
    assert "gan@8" in page
    with pytest.raises(UserError, match="at least two"):
        iw.compare([f"{copied.path}@8", f"{copied.path}@8"])


def test_commands_take_points(run: iw.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", f"{run.path}@8", "--count", "2", "--out", str(tmp_path / "a.png")]) == 0
    assert iw.inspect(tmp_path / "a.png")["provenance"]["images_seen"] == 8
    assert main(["sample", f"{run.path}@9", "--out", str(tmp_path / "b.png")]) == 2
    assert "@8, @16, @24" in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()
    assert main(["doctor", f"{run.path}@8"]) == 2
    assert "whole run" in capsys.readouterr().err


def test_a_run_is_no_set_of_pictures_and_a_weights_file_no_run(run: iw.Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a run directory.*--resume --out .*--from"):
        iw.open_images(run.path)
    weights = shutil.copy(run.checkpoints()[-1].weights, tmp_path / "gan.safetensors")
    with pytest.raises(RunError, match="is a weights file"):
        iw.film(weights, tmp_path / "film.mp4")
