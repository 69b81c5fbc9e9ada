"""`train auto`: each kind of source leads to its model, which is recorded, resumed, and takes the user's options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import Messages, simple_pictures

import imagewright as iw
from imagewright.cli.app import app
from imagewright.errors import ConfigError, DataError, RunError
from imagewright.training import choosing, memory_use, trial

TINY: dict[str, Any] = {
    "width": 4,
    "latent_dim": 4,
    "batch_size": 8,
    "images_seen": 32,
    "precision": "fp32",
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def without_the_fixed_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `features` may be installed or not."""
    monkeypatch.setattr(choosing, "has_fixed_network", lambda: False)
    monkeypatch.setattr(trial, "SECONDS", 0.01)


def write_pictures(folder: Path, names: list[str], size: tuple[int, int] = (16, 16)) -> Path:
    folder.mkdir(parents=True)
    for name, picture in zip(names, simple_pictures(len(names), size), strict=True):
        Image.fromarray(np.moveaxis(picture, 0, -1)).save(folder / f"{name}.png")
    return folder


def numbered(count: int) -> list[str]:
    return [f"{number:03}" for number in range(count)]


def test_each_kind_of_source_leads_to_its_model(tmp_path: Path) -> None:
    few = write_pictures(tmp_path / "few", numbered(20))
    many = write_pictures(tmp_path / "many", numbered(200))
    animals = tmp_path / "animals"
    for name in ("cats", "dogs"):
        write_pictures(animals / name, numbered(101))
    pairs = tmp_path / "pairs"
    for name in "AB":
        write_pictures(pairs / name, numbered(3))
    horses = tmp_path / "horses"
    for name, pictures in (("trainA", ["a", "b"]), ("trainB", ["c", "d", "e"])):
        write_pictures(horses / name, pictures)
    beside = write_pictures(tmp_path / "beside", numbered(3), (16, 32))
    others = write_pictures(tmp_path / "others", [f"other{number}" for number in range(200)])
    same = write_pictures(tmp_path / "same", numbered(200))
    found = {
        name: iw.choose_model(source, device="cpu").model
        for name, source in {
            "few": few, "many": many, "animals": animals, "pairs": pairs, "horses": horses, "beside": beside,
            "two": (many, others), "same": (many, same), "domains": {"a": many, "b": others},
        }.items()
    }  # fmt: skip
    assert found == {
        "few": "pca", "many": "dcgan", "animals": "cgan", "pairs": "pix2pix", "horses": "cyclegan", "beside": "pix2pix",
        "two": "cyclegan", "same": "pix2pix", "domains": "cyclegan",
    }  # fmt: skip
    assert iw.choose_model(animals, domains="cats,dogs").model == "cyclegan"
    for each in (many, others):
        (each / "faces.jsonl").write_text("")
    assert iw.choose_model((many, others)).model == "swap"
    alone = iw.choose_model(many, device="cpu")
    assert alone.model == "dcgan"
    assert "faces of one person" in repr(alone)


def test_sources_that_cannot_be_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        iw.choose_model(tmp_path / "empty")
    with pytest.raises(ConfigError, match="one source or two, and 3 were given"):
        iw.choose_model(("a", "b", "c"))


def test_an_option_of_another_model_is_refused_with_the_chosen_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"auto chose pca, which has no option --latent-dim .*dcgan"):
        iw.train("auto", simple_pictures(20), tmp_path / "run", latent_dim=8)
    with pytest.raises(ConfigError, match=r"auto chooses a model .* runs/it is of one"):
        iw.choose_model(simple_pictures(20), start="runs/it")
    with pytest.raises(ConfigError, match=r"auto chose pca.* no option --componants .*'components'"):
        iw.choose_model(simple_pictures(20), componants=3)
    assert not (tmp_path / "run").exists()


def test_a_run_says_why_and_is_resumed_as_it_was(tmp_path: Path) -> None:
    pictures, messages = simple_pictures(200), Messages()
    whole = iw.train("auto", pictures, tmp_path / "whole", reporter=messages, **TINY)
    assert whole.model == "dcgan"
    reasons = whole.record["chosen"]["reasons"]
    assert messages.texts[: len(reasons)] == reasons
    assert reasons[0].startswith("auto chose dcgan for 200 pictures, on a ")
    assert any(reason.startswith("Passed over: projected_gan") for reason in reasons)
    assert len(reasons) <= 5
    assert any(text.startswith("memory: ") for text in messages.texts)
    assert whole.record["config"]["width"] == 4
    assert whole.record["config"]["base"] == "pca"  # on a CPU
    assert whole.record["options"]["batch_size"] == 8

    stop = iw.StopRequest()

    class StopsIt(iw.Observer):
        every = 16

        def at(self, images_seen: int, report: object) -> None:
            stop.asked = True

    with pytest.raises(iw.Stopped):
        iw.train("auto", pictures, tmp_path / "cut", reporter=Messages(), stop=stop, observers=[StopsIt()], **TINY)
    resumed = iw.train("auto", pictures, tmp_path / "cut", resume=True, reporter=Messages())
    assert resumed.record["chosen"] == whole.record["chosen"]
    ends = [run.checkpoints()[-1].weights.read_bytes() for run in (whole, resumed)]
    assert ends[0] == ends[1]


def test_a_run_whose_model_was_named_is_not_resumed_as_a_chosen_one(tmp_path: Path) -> None:
    iw.train("pca", simple_pictures(20), tmp_path / "run", reporter=Messages())
    with pytest.raises(RunError, match="resume it with `train pca`"):
        iw.train("auto", simple_pictures(20), tmp_path / "run", resume=True)


def test_a_plan_says_what_is_chosen(tmp_path: Path) -> None:
    plan = iw.plan_training("auto", simple_pictures(200), **TINY)
    assert plan.model == "dcgan"
    assert plan.notes[0].startswith("auto chose dcgan for 200 pictures")
    assert plan.memory_bytes is not None
    assert plan.options["base"] == "pca"


@pytest.mark.parametrize("option", [{"base": "none"}, {"defaults": "published"}])
def test_the_choice_leaves_the_users_options(option: dict[str, str]) -> None:
    chosen = iw.choose_model(simple_pictures(200), device="cpu", **option)
    assert (chosen.model, dict(chosen.options)) == ("dcgan", {})


def test_the_command_chooses_and_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory_use, "measure_memory", lambda *_: 2**31)  # more than this process has
    write_pictures(tmp_path / "few", numbered(20))
    app(["train", "auto", "few", "--components", "3"], result_action="return_value")
    captured = capsys.readouterr()
    assert "auto chose pca for 20 pictures" in captured.err
    assert iw.Run("runs/auto-few").record["config"]["components"] == 3
    words = [
        "--width",
        "4",
        "--latent-dim",
        "4",
        "--batch-size",
        "8",
        "--images-seen",
        "8",
        "--precision",
        "fp32",
        "--penalty",
        "0.25",
    ]
    app(["train", "auto", "digits", *words], result_action="return_value")
    run = iw.Run("runs/auto-digits")
    assert (run.model, run.record["config"]["width"], run.record["config"]["penalty"]) == ("cgan", 4, 0.25)
    assert "memory: 2.00 GiB" in capsys.readouterr().err
