"""Resampling: weights compared with closed forms, the order of weighted images, and exact resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH, final_bytes, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError
from imagewright.training.data.rare_resampling import LARGEST_WEIGHT, WeightedOrder, parse_strength, rarity_weights


def tori(rare: int, common: int, dimension: int = 2) -> torch.Tensor:
    """Latents uniform on two equal closed surfaces (circles or tori) that are far apart; the rare ones first.

    Closed surfaces have no edge, where the density would be underestimated.
    """
    angles = torch.rand(rare + common, dimension, generator=torch.Generator().manual_seed(0)) * 2 * torch.pi
    points = torch.cat([angles.cos(), angles.sin()], dim=1)
    points[:rare] += 10
    return points


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dimension", [1, 2])
def test_the_share_of_a_rare_part_follows_from_its_density_and_the_strength(strength: float, dimension: int) -> None:
    rare, common = 800, 3200  # the ratio of densities is 1 to 4, so that the ratio of shares is 4^strength to 4
    weights = rarity_weights(tori(rare, common, dimension), strength, seed=0)
    share = float(weights[:rare].sum() / weights.sum())
    assert share == pytest.approx(4**strength / (4**strength + 4), abs=0.02)
    assert float(weights.mean()) == pytest.approx(1, abs=1e-5)
    assert float(weights.max()) <= LARGEST_WEIGHT * 1.01


def test_the_weights_do_not_depend_on_scale_or_shift_of_the_latents() -> None:
    points = tori(100, 900)
    for moved in (points * 1000, points / 1000, points + 5, points.reshape(1000, 2, 2)):
        assert torch.allclose(rarity_weights(moved, 0.5, 0), rarity_weights(points, 0.5, 0), rtol=1e-3)


@pytest.mark.parametrize(
    "points", [torch.zeros(50, 3), torch.zeros(1, 3), torch.tensor([[0.0], [1.0]]), torch.ones(60, 2).tril()]
)
def test_equal_or_few_pictures_have_finite_weights(points: torch.Tensor) -> None:
    weights = rarity_weights(points, 1.0, 0)
    assert torch.isfinite(weights).all()
    assert (weights > 0).all()


def test_copies_of_one_picture_have_no_greater_weights_than_others() -> None:
    points = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    points[:300] = points[0]
    weights = rarity_weights(points, 0.5, 0)
    assert weights[:300].max() <= weights[300:].median()


def test_with_equal_weights_a_round_has_each_image_once() -> None:
    order = WeightedOrder(torch.ones(500), 3)
    rounds = order(np.arange(1500)).reshape(3, 500)
    assert all(np.array_equal(np.sort(one), np.arange(500)) for one in rounds)
    assert not np.array_equal(rounds[0], rounds[1])


def test_counts_in_a_round_follow_the_weights() -> None:
    weights = torch.rand(300, generator=torch.Generator().manual_seed(1)) ** 3
    counts = np.bincount(WeightedOrder(weights, 0)(np.arange(300)), minlength=300)
    expected = (weights / weights.mean()).numpy()
    assert np.abs(counts - expected).max() < 2
    # Over many rounds, independent samples would deviate by the root of the count; stratified ones do not.
    many = np.bincount(WeightedOrder(weights, 0)(np.arange(300 * 100)), minlength=300) / 100
    assert np.abs(many - expected).max() < 0.2


def test_an_image_depends_on_its_position_alone() -> None:
    weights = torch.rand(70, generator=torch.Generator().manual_seed(2))
    whole = WeightedOrder(weights, 5)(np.arange(400))
    assert np.array_equal(WeightedOrder(weights, 5)(np.array([399, 0, 71, 69])), whole[[399, 0, 71, 69]])


@pytest.mark.parametrize(("text", "strength"), [("rare", 0.5), ("rare:0", 0), ("rare:1", 1), ("rare:.25", 0.25)])
def test_the_strength_is_parsed(text: str, strength: float) -> None:
    assert parse_strength(text) == strength


@pytest.mark.parametrize("text", ["common", "rare:", "rare:2", "rare:-1", "rare:x", "rare:1.2.3", ""])
def test_other_values_are_refused_before_training(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="resample"):
        parse_strength(text)
    with pytest.raises(ConfigError, match="resample"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", resample=text)
    assert not (tmp_path / "run").exists()


def with_rare_pictures(count: int = 40) -> np.ndarray:
    """Similar pictures, of which the last four are different."""
    pictures = simple_pictures(count)
    pictures[: count - 4] = pictures[0]
    pictures[: count - 4, :, 0, 0] = np.arange(count - 4, dtype=np.uint8)[:, None]
    return pictures


@pytest.mark.parametrize(
    "name",
    [pytest.param("vae", marks=pytest.mark.learning), pytest.param("dcgan", marks=pytest.mark.learning), "autoencoder"],
)
def test_a_resumed_run_ends_with_the_bytes_of_an_unbroken_one(name: str, tmp_path: Path) -> None:
    often: dict[str, Any] = {"report_every": 4 * BATCH, "checkpoint_every": 2 * BATCH, "resample": "rare:0.8"}
    unbroken = train_tiny(name, with_rare_pictures(), tmp_path / "one" / "run", steps=16, **often)
    # 40 pictures, 8 a step: a round ends, and the weights are computed again, after steps 5, 10 and 15.
    for steps in (5, 8, 16):
        resume = {"resume": True} if steps > 5 else {}
        broken = train_tiny(name, with_rare_pictures(), tmp_path / "two" / "run", steps=steps, **often, **resume)
    files, expected = final_bytes(broken), final_bytes(unbroken)
    # Grids of an end: the unbroken training has none after 5 steps, and after 8 one of a training that goes on.
    for ended in (5, 8):
        for each in (files, expected):
            each.pop(f"{ended * BATCH:09d}.png", None)
    assert files == expected


def test_resampling_changes_the_training_and_reports_the_effective_share(tmp_path: Path) -> None:
    options = {"steps": 16, "report_every": 8 * BATCH}
    even = train_tiny("dcgan", with_rare_pictures(), tmp_path / "even", **options)
    uneven = train_tiny("dcgan", with_rare_pictures(), tmp_path / "uneven", resample="rare:1", **options)
    assert even.checkpoints()[-1].weights.read_bytes() != uneven.checkpoints()[-1].weights.read_bytes()
    assert "resampling/effective share" not in even.metrics()[-1]["derived_metrics"]
    assert 0 < uneven.metrics()[-1]["derived_metrics"]["resampling/effective share"] < 0.9


def test_a_closed_form_model_warns_that_it_does_not_resample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    iw.train("pca", simple_pictures(), tmp_path / "run", components=2, resample="rare")
    assert "resample not used" in "".join(capsys.readouterr())
