"""Views: other latent spaces and truncation of the same networks, for every tool and on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from spaces import InW, TwoSpaces, register, write_run
from tiny import tiny_model

import imagewright as iw
from imagewright import catalogue
from imagewright.cli import main
from imagewright.errors import UserError
from imagewright.latent import store
from imagewright.runs.run import Run
from imagewright.verbs.apply import sample_latents
from imagewright.views import space_name, view_model


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return write_run(tmp_path / "two")


def arrays(path: Path) -> np.ndarray:
    with np.load(path) as file:
        return file["images"]


# The same networks


def test_a_view_shares_the_networks_and_registers_none_of_its_own() -> None:
    base = TwoSpaces()
    view = base.in_space("w").truncated(0.5)
    assert [id(each) for each in view.parameters()] == [id(each) for each in base.parameters()]
    assert [name for name, _ in view.named_buffers()] == ["w_average"]
    assert list(view.children()) == []
    assert view.state_dict().keys() == base.state_dict().keys()
    assert catalogue.name_of(view) == "twospaces"
    assert view.config is base.config
    with torch.no_grad():
        view.load_state_dict({name: tensor + 1 for name, tensor in base.state_dict().items()})
    assert torch.equal(view.state_dict()["w_average"], base.w_average)
    assert torch.equal(base.w_average, TwoSpaces().w_average + 1)


def test_mode_type_and_device_are_the_bases() -> None:
    base = TwoSpaces().eval()
    view = base.in_space("w").truncated(0.5)
    assert not view.training
    view.train()
    assert base.training
    assert view.base.training
    view.eval()
    assert not base.training
    view.double()
    assert base.w_average.dtype == torch.float64
    assert view.to("meta") is view
    assert view.device == base.device == torch.device("meta")
    assert not any(each.requires_grad for each in view.requires_grad_(False).parameters())


def test_an_image_is_the_same_in_either_space(run: Run) -> None:
    inside = iw.load(run, space="w")
    assert torch.equal(iw.sample(inside, 5, seed=3), iw.sample(run, 5, seed=3))
    assert inside.latent_shape == (6,)
    assert sample_latents(inside, 2).shape == (2, 6)
    assert isinstance(iw.load(run, space="z"), TwoSpaces)


def test_truncation_goes_from_the_average_to_no_change(run: Run) -> None:
    for space in (None, "w"):
        average = iw.sample(iw.load(run, space=space, truncation=0), 4)
        assert len(average.flatten(1).unique(dim=0)) == 1
        half = iw.sample(iw.load(run, space=space, truncation=0.5), 4)
        whole = iw.sample(iw.load(run, space=space, truncation=1), 4)
        assert torch.equal(whole, iw.sample(run, 4))
        assert 0 < (half.float() - average.float()).abs().mean() < (whole.float() - average.float()).abs().mean()


# What is refused


def test_models_without_spaces_and_unknown_names(run: Run) -> None:
    with pytest.raises(UserError, match=r"twospaces has no latent space 'v'\..* Its spaces: z, w\."):
        iw.load(run, space="v")
    with pytest.raises(UserError, match="vae has one latent space only"):
        view_model(tiny_model("vae"), space="w")
    with pytest.raises(UserError, match="vae has no truncation"):
        view_model(tiny_model("vae"), truncation=0.5)
    with pytest.raises(UserError, match="truncation=2, but it must be from 0 to 1"):
        iw.load(run, truncation=2)
    with pytest.raises(UserError, match="truncation=nan"):
        iw.load(run, truncation=float("nan"))


# Tools and commands


def test_the_name_of_a_space_follows_the_views() -> None:
    base = TwoSpaces()
    assert space_name(base) == "z"
    assert space_name(base.truncated(0.5)) == "z"
    assert space_name(InW(base)) == space_name(InW(base).truncated(0.5)) == "w"
    assert space_name(tiny_model("vae")) is None
    assert store.fingerprint_of(InW(base)) == store.fingerprint_of(base)


def test_a_direction_found_in_one_space_is_refused_in_the_other(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ["latent", "directions", str(run.path), "--method", "latents", "--count", "2"]
    sheet = ["--out", str(tmp_path / "directions.png")]
    assert main([*found, "--space", "w", "--save", "0=wide", *sheet]) == 0
    edit = ["edit", str(run.path), "3", "--move", "wide=2", "--out", str(tmp_path / "edit.npz"), "--force"]
    assert main([*edit, "--space", "w"]) == 0
    assert main([*edit, "--space", "w", "--truncation", "0.7"]) == 0
    capsys.readouterr()
    assert main(edit) == 2
    said = capsys.readouterr().err
    assert "space w" in said
    assert "--space w" in said
    assert "Traceback" not in said
    # And one of z, whose latents have another shape, in w.
    tall = {"direction": torch.eye(4)[0], "scale": torch.tensor(1.0)}
    store.save(run, iw.load(run), "tall", "direction", tall, {})
    assert main([*edit[:4], "tall=2", *edit[5:]]) == 0
    capsys.readouterr()
    assert main([*edit[:4], "tall=2", *edit[5:], "--space", "w"]) == 2
    assert "--space z" in capsys.readouterr().err


def test_sample_and_interpolate_take_space_and_truncation_and_record_them(run: Run, tmp_path: Path) -> None:
    options = ["--space", "w", "--truncation", "0.5", "--out"]
    assert main(["sample", str(run.path), "--count", "3", *options, str(tmp_path / "new.npz")]) == 0
    model = iw.load(run, space="w", truncation=0.5)
    assert np.array_equal(arrays(tmp_path / "new.npz"), iw.sample(model, 3))
    assert main(["interpolate", str(run.path), *options, str(tmp_path / "walk.png")]) == 0
    record = iw.inspect(tmp_path / "walk.png")["provenance"]
    assert record["settings"]["space"] == "w"
    assert record["settings"]["truncation"] == 0.5
    assert record["images_seen"] == 8
    # Normal latents go along a great circle; those of a mapping network, which are not standard normal, straight.
    assert record["settings"]["interpolation"] == "linear"
    assert main(["interpolate", str(run.path), "--out", str(tmp_path / "z.png")]) == 0
    plain = iw.inspect(tmp_path / "z.png")["provenance"]["settings"]
    assert plain["interpolation"] == "spherical"
    assert not {"space", "truncation"} & set(plain)


def test_every_latent_command_looks_into_a_space(run: Run, tmp_path: Path) -> None:
    place, seen = str(run.path), []
    for words in (
        ["latent", "grid", place, "--steps", "3", "--out", "grid.png"],
        ["latent", "traverse", place, "--count", "2", "--out", "traverse.png"],
        ["latent", "arithmetic", place, "1 - 2 + 3", "--out", "sum.png"],
    ):
        out = str(tmp_path / words[-1])
        assert main([*words[:-1], out, "--space", "w", "--truncation", "0.5"]) == 0, words
        seen.append(iw.inspect(out)["provenance"]["settings"])
    assert all(settings["space"] == "w" and settings["truncation"] == 0.5 for settings in seen), seen


def test_mistakes_take_one_line(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, message in ((["--space", "v"], "Its spaces: z, w"), (["--truncation", "3"], "from 0 to 1")):
        assert main(["sample", str(run.path), *options, "--out", str(tmp_path / "a.png")]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert "Traceback" not in said
