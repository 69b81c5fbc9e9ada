"""Projection with noise, and pivotal tuning: what is found, and the run that is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import simple_pictures, tiny_model, train_tiny
from torch import nn

import imagewright as iw
from imagewright.errors import RunError, UserError
from imagewright.latent.projection.noise import noise_correlation
from imagewright.pixels import to_float, to_uint8

QUICK = {"candidates": 32, "starts": 2, "steps": 12}


def test_correlation_of_noise_by_hand() -> None:
    ones, columns = torch.ones(1, 1, 8, 8), torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
    assert float(noise_correlation([ones])) == float(noise_correlation([columns])) == 2
    assert float(noise_correlation([torch.ones(1, 1, 16, 16)])) == 2 + 2 * 4**2  # means of 2x2, times 2
    white = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert float(noise_correlation([white]).max()) < 0.1
    assert noise_correlation([white, white]).shape == (3,)


def test_noise_is_found_with_the_latents() -> None:
    model = tiny_model("stylegan2", augmentation="none").eval()
    for name, parameter in model.named_parameters():
        if name.endswith("noise_strength"):
            nn.init.constant_(parameter, 0.3)
    view = model.in_space("w+")
    pictures = iw.sample(model, 1, seed=9)
    found = iw.project(view, pictures, noise=True, noise_weight=10.0, **QUICK)
    assert [tuple(each.shape) for each in found.noise] == [(1, 1, *shape) for shape in model.noise_shapes]
    for each in found.noise:
        assert abs(float(each.mean())) < 1e-4
        assert abs(float(each.square().mean()) - 1) < 1e-4
    with torch.no_grad():
        decoded = to_uint8(view.decode_with_noise(found.latents, found.noise))
    assert torch.equal(decoded, found.reconstruction)
    assert (found.errors.rmse < found.start_errors.rmse).all()
    free = iw.project(view, pictures, noise=True, noise_weight=0.0, **QUICK)
    assert float(noise_correlation(free.noise)) > float(noise_correlation(found.noise))
    assert found.perceptual_space == "the model's own features"
    assert set(found.tensors()) == {"latents", *(f"noise.{layer}" for layer in range(len(found.noise)))}


@pytest.mark.learning
def test_a_tuned_run_decodes_latents_to_their_pictures(tmp_path: Path) -> None:
    run = train_tiny("stylegan2", out=tmp_path / "run", steps=1, augmentation="none")
    pictures = simple_pictures(2, seed=5)
    before = iw.load(run)
    options = {"tuned": tmp_path / "tuned", "tuning_steps": 40, **QUICK}
    found = iw.project(run, pictures, save="both", model=iw.load(run, space="w"), **options)
    tuned = iw.load(tmp_path / "tuned", space="w")
    assert torch.equal(iw.decode(tuned, found.latents), found.tuned.images)
    assert iw.list_latents(tmp_path / "tuned").entries[0].usable == "yes"
    target = to_float(found.images)
    errors = [(to_float(each) - target).square().mean() for each in (found.reconstruction, found.tuned.images)]
    assert errors[1] < 0.9 * errors[0]
    unchanged = {name: torch.equal(tensor, before.state_dict()[name]) for name, tensor in tuned.state_dict().items()}
    assert all(same for name, same in unchanged.items() if name.startswith(("discriminator", "generator.mapping")))
    assert not all(unchanged.values())
    assert "tuned: " in found.lines()[0]
    assert len(found.sheet().images) == 4 * 2
    with pytest.raises(RunError, match="holds a run already"):
        iw.project(run, pictures, **options)
    other = train_tiny("dcgan", out=tmp_path / "other", steps=1)
    with pytest.raises(RunError, match="a run that was trained, which --force does not replace"):
        iw.project(run, pictures, **options | {"tuned": other.path, "force": True})
    with pytest.raises(UserError, match="is the run itself"):
        iw.project(run, pictures, **options | {"tuned": run.path, "force": True})


def test_what_cannot_be_tuned(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="writes a new run of a run"):
        iw.project(tiny_model("dcgan"), simple_pictures(1), tuned=tmp_path / "tuned")
    with pytest.raises(UserError, match="adds no noise"):
        iw.project(tiny_model("dcgan"), simple_pictures(1), noise=True)
