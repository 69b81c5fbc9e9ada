"""BigGAN and BigGAN-deep: truncation, mixing of classes, statistics of the shown model, options, what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import batch_of, engine_of, simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.losses.orthogonal import orthogonal_penalty
from imagewright.models.adversarial.biggan import BigGAN, BigGANConfig
from imagewright.runs.run import Run
from imagewright.runs.weights import read_tensors
from imagewright.seeds import derive_seed
from imagewright.statistics.gaussians import truncate_normal
from imagewright.verbs.apply import sample_latents

BOTH = ("biggan", "biggan_deep")
PLAIN = {"hierarchical": False}


@pytest.fixture(scope="module", params=BOTH)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_tiny(request.param, out=tmp_path_factory.mktemp("biggan") / "run", steps=3)


def test_truncated_normal_numbers_are_those_of_sampling_again() -> None:
    values = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    for bound in (0.5, 2.0):
        truncated = truncate_normal(values, bound)
        kept = values[values.abs() <= bound]
        assert float(truncated.abs().max()) <= bound
        assert float(truncated.std()) == pytest.approx(float(kept.std()), rel=0.01)
        for quantile in (0.1, 0.4, 0.9):
            found, wanted = torch.quantile(truncated, quantile), torch.quantile(kept, quantile)
            assert float(found) == pytest.approx(float(wanted), abs=0.02)
        assert torch.equal(truncated.sign(), values.sign())
    torch.testing.assert_close(truncate_normal(values, 50.0), values, atol=1e-5, rtol=1e-5)
    assert not truncate_normal(values, 0.0).any()
    assert truncate_normal(torch.tensor([9.0, -40.0]), 3.0).tolist() == [3.0, -3.0]


def test_truncation_bounds_the_noise_and_leaves_the_class(run: Run) -> None:
    model = iw.load(run, truncation=0.5)
    whole = sample_latents(iw.load(run), 6, label="other")
    latents = sample_latents(model, 6, label="other")
    noise = latents.shape[1] - 2
    bound = 0.5 if iw.load(run).config.__class__.__name__ == "BigGANConfig" else 1.0  # 2 * 0.5
    assert 0.3 * bound < float(latents[:, :noise].abs().max()) <= bound
    assert torch.equal(latents[:, noise:], whole[:, noise:])
    pictures = iw.sample(model, 2, label="one")
    assert torch.equal(iw.sample(model, 1, label="one"), pictures[:1])
    flat = iw.sample(iw.load(run, truncation=0.0), 2, label="one")
    assert torch.equal(flat[0], flat[1])


@pytest.mark.parametrize("psi", [-0.1, math.nan])
def test_truncations_that_cannot_be_are_refused(run: Run, psi: float) -> None:
    with pytest.raises(UserError, match="truncation="):
        iw.load(run, truncation=psi)


def test_the_truncation_of_biggan_deep_is_at_most_one() -> None:
    with pytest.raises(UserError, match=r"truncation=1\.5.*from 0"):
        tiny_model("biggan_deep").truncated(1.5)


def test_a_mixture_of_classes_has_the_mixed_embedding(run: Run) -> None:
    model = iw.load(run)
    latents = sample_latents(model, 1, label="one")
    mixed, other = latents.clone(), sample_latents(model, 1, label="other")
    mixed[:, -2:] = 0.5
    path = iw.interpolate(run, 3, labels=["one", "other"], interpolation="linear")
    assert torch.equal(path, iw.decode(model, torch.cat([latents, mixed, other])))
    assert torch.equal(path, iw.interpolate(run, 3, ends=["0:0:one", "0:0:other"], interpolation="linear"))


def test_norms_of_the_saved_model_have_the_statistics_of_its_own_samples(run: Run) -> None:
    """Not those that the trained network has seen, nor an average of them."""
    model = iw.load(run)
    saved = {key: value.clone() for key, value in model.named_buffers() if "running_" in key}
    with torch.no_grad():
        model.accumulate_statistics(1, seed=derive_seed(0, "statistics"), thorough=True)
    buffers = dict(model.named_buffers())
    for key, value in saved.items():
        torch.testing.assert_close(buffers[key], value, msg=key)
    trained, _ = read_tensors(run.checkpoints()[-1].state)
    assert not any(torch.equal(value, trained[f"trained.{key}"]) for key, value in saved.items())


@pytest.mark.learning
def test_statistics_by_truncation_differ_at_the_end_of_a_training(tmp_path: Path) -> None:
    model = iw.load(train_tiny("biggan_deep", out=tmp_path / "run", steps=3))
    rows = model.generator.bn.statistics.running_var
    assert not torch.equal(rows[0], rows[-1])
    middle = (rows[0] + rows[5]) / 2  # 0.05 is between 0 and 0.1, of which there are statistics
    torch.testing.assert_close((rows[2] + rows[3]) / 2, middle)


def test_the_generator_moves_in_one_of_several_steps() -> None:
    model = tiny_model("biggan", discriminator_steps=3)
    engine = engine_of(model)
    moved = []
    for index in range(4):
        before = model.generator.linear.weight.detach().clone()
        engine.step({"images": batch_of()}, index, 8 * index)
        moved.append(not torch.equal(before, model.generator.linear.weight))
    assert moved == [True, False, False, True]


def test_orthogonal_regularisation_is_of_the_generator_but_its_embedding() -> None:
    model = tiny_model("biggan", orthogonal=0.5)
    engine = engine_of(model)
    inside = model.generator.named_parameters()
    weights = [weight.detach() for name, weight in inside if weight.ndim > 1 and name != "shared.weight"]
    expected = 0.5 * float(orthogonal_penalty(weights))
    engine.step({"images": batch_of()}, 0, 0)
    assert engine.losses()["generator/orthogonal"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("options", [PLAIN, PLAIN | {"embedding_dim": 0}, {"wide": False}])
def test_other_networks_train(options: dict[str, Any]) -> None:
    model = tiny_model("biggan", **options)
    engine = engine_of(model)
    engine.step({"images": batch_of()}, 0, 0)
    assert all(math.isfinite(value) for value in engine.losses().values())


@pytest.mark.parametrize("name", BOTH)
def test_attributes_are_conditions_too(name: str, tmp_path: Path) -> None:
    attributes = np.arange(32)[:, None] >> np.arange(2) & 1
    images = iw.open_images(simple_pictures()).with_attributes(attributes, ("hat", "beard"))
    config = type(tiny_model(name).config)
    run = iw.train(name, images, tmp_path / "run", images_seen=16, batch_size=8, **config.tiny_options)
    assert iw.sample(run, 2, attributes={"hat": 1}).shape == (2, 3, 16, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": 2}, r"latent_dim 2: a part for each of 3 layers"),
        ({"embedding_dim": 0}, "hierarchical needs a shared embedding"),
        ({"attention": "big"}, "attention 'big': expected sides"),
        ({"size": (30, 30)}, r"size 30x30: .*multiples of 8.*Nearest: --size 32x32"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_model("biggan", **options)


def test_pictures_without_classes_are_refused() -> None:
    with pytest.raises(DataError, match="biggan"):
        iw.train("biggan", iw.open_images(simple_pictures()), images_seen=8, batch_size=8)


@pytest.mark.parametrize(
    ("size", "widths", "judged"),
    [
        (32, (4, 4, 4, 4), (4, 4, 4, 4)),
        (64, (16, 16, 8, 4, 2), (1, 2, 4, 8, 16)),
        (128, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16)),
        (256, (16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16)),
        (512, (16, 16, 8, 8, 4, 2, 1, 1), (1, 1, 2, 4, 8, 8, 16, 16)),
    ],
)
def test_published_widths_and_places_of_attention(size: int, widths: tuple[int, ...], judged: tuple[int, ...]) -> None:
    config = BigGANConfig(size=(size, size), channels=3, class_names=("a", "b"), width=1, discriminator_width=1)
    with torch.device("meta"):
        model = BigGAN(config)
    convolutions = [block[0].conv1.weight.shape for block in model.generator.blocks]
    assert [shape[1] for shape in convolutions] + [convolutions[-1][0]] == list(widths)
    assert [block[0].conv2.weight.shape[0] for block in model.discriminator.blocks] == list(judged)
    attending = [4 << level + 1 for level, block in enumerate(model.generator.blocks) if len(block) > 1]
    assert attending == ([64] if size >= 64 else [])
