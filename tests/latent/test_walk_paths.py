"""Paths through latents of several parts, closed paths, and blends of four corners."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.capabilities import LatentPart, latent_parts_of
from imagewright.errors import UserError
from imagewright.latent import store
from imagewright.latent.walks.paths import mix, walk
from imagewright.latent.walks.walk_sheets import BlendSheet
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.verbs.paths import default_interpolation, samples_normal_latents, slerp

NOISE = (LatentPart("latents", "normal", 0, 6),)
PARTS = (
    LatentPart("noise", "normal", 0, 3),
    LatentPart("class", "category", 3, 5),
    LatentPart("c2", "normal", 5, 6, code=True),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_tiny("vae", simple_pictures(), tmp_path_factory.mktemp("paths") / "run")


def test_only_the_noise_is_interpolated_spherically() -> None:
    ends = torch.tensor([[3.0, 0, 0, 1, 0, -1], [0, 4.0, 0, 0, 1, 1]])
    latents = walk(ends, 5, PARTS, "spherical")
    shares = torch.linspace(0, 1, 5)
    torch.testing.assert_close(latents[:, :3], slerp(ends[0, :3], ends[1, :3], shares))
    torch.testing.assert_close(latents[:, 3:], torch.lerp(ends[0, 3:], ends[1, 3:], shares[:, None]))
    torch.testing.assert_close(latents[:, 3:5].sum(1), torch.ones(5))


def test_a_closed_path_ends_a_step_before_its_start() -> None:
    ends = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    closed = walk(ends, 5, NOISE, "linear", loop=True)
    assert len(closed) == 3 * 4
    torch.testing.assert_close(closed[:9], walk(ends, 5, NOISE, "linear"))
    torch.testing.assert_close(closed[-1], torch.lerp(ends[2], ends[0], torch.tensor(0.75)))


def test_a_smooth_pace_is_slow_at_the_ends() -> None:
    line = walk(torch.tensor([[0.0], [1.0]]), 9, (LatentPart("latents", "normal", 0, 1),), "linear", pace="smooth")
    steps = line.flatten().diff()
    assert steps[0] < 0.4 * steps[3]
    torch.testing.assert_close(steps, steps.flip(0))
    assert line[-1, 0] == pytest.approx(1)


def test_a_mix_has_its_corners_and_keeps_the_length_of_noise() -> None:
    corners = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mix(corners, torch.eye(4), NOISE, "spherical"), corners)
    even = torch.full((1, 4), 0.25)
    torch.testing.assert_close(mix(corners, even, NOISE, "linear")[0], corners.mean(0))
    middle = mix(corners, even, NOISE, "spherical")[0]
    assert middle.norm().item() == pytest.approx(corners.norm(dim=1).mean().item(), rel=1e-5)
    torch.testing.assert_close(middle / middle.norm(), corners.mean(0) / corners.mean(0).norm())


def test_latents_that_cancel_out_give_zero() -> None:
    corners = torch.stack([torch.ones(6), -torch.ones(6)])
    middle = mix(corners, torch.tensor([[0.5, 0.5]]), NOISE, "spherical")
    torch.testing.assert_close(middle, torch.zeros(1, 6))


@pytest.mark.parametrize("name", ["pca", "vae", "dcgan", "cgan", "infogan"])
def test_models_that_sample_normal_latents_interpolate_spherically(name: str) -> None:
    model = tiny_model(name)
    assert default_interpolation(model) == "spherical"


@pytest.mark.parametrize("name", ["autoencoder", "jpeg", "ica"])
def test_models_that_cannot_sample_interpolate_linearly(name: str) -> None:
    assert default_interpolation(tiny_model(name)) == "linear"


def test_samples_far_from_normal_are_noticed() -> None:
    model = tiny_model("vae")
    assert samples_normal_latents(model)
    usual = model.sample_latents
    model.sample_latents = lambda count, generator: 3 + usual(count, generator)  # type: ignore[operator]
    assert not samples_normal_latents(model)


@pytest.mark.parametrize("name", ["cgan", "infogan", "vae", "jpeg"])
def test_parts_cover_the_whole_latent(name: str) -> None:
    model = tiny_model(name)
    parts = latent_parts_of(model)  # type: ignore[arg-type]
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == model.latent_shape[0]  # type: ignore[index]
    if name in ("cgan", "infogan"):
        samples = model.sample_latents(50, torch.Generator().manual_seed(0))  # type: ignore[operator]
        category = next(part for part in parts if part.kind == "category")
        assert torch.equal(samples[:, category.places].sort(1).values[:, -1], torch.ones(50))
        assert samples[:, category.places].sum() == 50


def test_ends_are_seeds_pictures_and_saved_names(run: Run, tmp_path: Path) -> None:
    model = iw.load(run)
    picture = tmp_path / "anna.png"
    pixels = simple_pictures(1)
    Image.fromarray(pixels[0].transpose(1, 2, 0)).save(picture)
    latents = iw.encode(model, pixels)
    store.save(run, model, "found", "latents", {"latents": latents}, {"names": ["found"]}, force=True)
    by_name = iw.interpolate(run, 4, ends=(0, "found"))
    by_picture = iw.interpolate(run, 4, ends=(0, picture))
    assert torch.equal(by_name, by_picture)
    assert torch.equal(by_name[-1:], iw.decode(model, latents))
    assert torch.equal(iw.interpolate(run, 4, latents=torch.cat([latents, latents]))[2:3], iw.decode(model, latents))
    with pytest.raises(UserError, match="Did you mean 'found'"):
        iw.interpolate(run, 4, ends=(0, "fuond"))


def test_a_blend_has_its_corners_and_its_edges_mix_two(run: Run) -> None:
    model: Model = iw.load(run)
    square = iw.blend(model, (3, 1, 4, 5), 5)
    assert square.shape == (25, 3, 16, 16)
    for place, seed in ((0, 3), (4, 1), (20, 4), (24, 5)):
        apart = (square[place].int() - iw.sample(model, 1, seed=seed)[0].int()).abs().max()
        assert apart <= 1
    other = iw.blend(model, (3, 1, 7, 8), 5)
    assert int((square[:5].int() - other[:5].int()).abs().max()) <= 1
    assert not torch.equal(square[-5:], other[-5:])


def test_a_blend_takes_four_corners(run: Run) -> None:
    with pytest.raises(UserError, match="four corners, and there are 3"):
        iw.blend(run, (0, 1, 2))
    with pytest.raises(UserError, match="steps=1"):
        iw.blend(run, steps=1)


def test_the_sheet_of_a_blend_has_room_for_long_names() -> None:
    pictures = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    short = BlendSheet(pictures, columns=2, captions=["a", "b", "c", "d"], title="title").draw()
    long = BlendSheet(pictures, columns=2, captions=["a" * 40, "b" * 40, "c", "d"], title="title").draw()
    assert long.width > short.width
    assert long.height == short.height
