"""The lessons on GANs: densities, the optimal discriminator, convergence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import multivariate_normal, wasserstein_distance

import imagewright as iw
from imagewright.errors import ConfigError, TrainingError
from imagewright.lessons.gan.data import DATA
from imagewright.lessons.gan.lesson import SETTINGS, discriminator_gap
from imagewright.lessons.gan.training import REACH, Reference, TrainingSettings, spread_steps, train_gan


@pytest.mark.parametrize("name", list(DATA))
def test_the_density_is_that_of_the_mixture_and_of_its_samples(name: str) -> None:
    data = DATA[name]()
    points = data.sample(2000, np.random.default_rng(0))
    parts = zip(data.weights, data.centres, data.deviations, strict=True)
    expected = sum(
        weight * multivariate_normal(centre, deviation**2 * np.eye(data.dimensions)).pdf(points)
        for weight, centre, deviation in parts
    )
    assert np.allclose(data.density(points), expected)
    assert abs(points).max() < REACH
    assert (data.modes_hit(points) > 0.5 / len(data.modes)).all()


@pytest.mark.parametrize("name", ["line", "ring"])
def test_densities_integrate_to_the_share_in_view_and_give_the_optimal_discriminator(name: str) -> None:
    reference = Reference(DATA[name](), 0)
    model, (snapshot,) = train_gan(reference, SETTINGS[name], [0], 0, lambda _: None)
    with torch.no_grad():
        points = model.decode(torch.from_numpy(reference.latents).float()).flatten(1).numpy()
    cell = (reference.edges[1] - reference.edges[0]) ** reference.data.dimensions
    assert reference.density.sum() * cell == pytest.approx(1, abs=0.01)
    # An untrained generator sends points out of view, which are not counted.
    assert snapshot.generated.sum() * cell == pytest.approx((abs(points) <= REACH).all(1).mean(), abs=0.03)
    known = np.isfinite(snapshot.best)
    assert np.allclose(snapshot.best[known], (reference.density / (reference.density + snapshot.generated))[known])
    assert ((snapshot.probability > 0) & (snapshot.probability < 1)).all()


def test_the_generated_density_is_the_change_of_variables() -> None:
    """For an affine generator: uniform latents give a uniform density."""
    reference = Reference(DATA["line"](), 0)
    model, _ = train_gan(reference, SETTINGS["line"], [0], 0, lambda _: None)
    model.generator = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Unflatten(1, (1, 1, 1)))
    torch.nn.init.constant_(model.generator[0].weight, 0.5)
    torch.nn.init.constant_(model.generator[0].bias, 0.2)
    snapshot = reference.snapshot(model, 0, {})
    inside = (reference.centres > -0.15) & (reference.centres < 0.55)  # three blurs from the ends, -0.3 and 0.7
    assert np.allclose(snapshot.generated[inside], 1.0, rtol=0.02)
    assert np.allclose(snapshot.generated[(reference.centres < -0.45) | (reference.centres > 0.85)], 0)
    points = reference.latents[:, 0] * 0.5 + 0.2
    assert snapshot.distance == pytest.approx(wasserstein_distance(points, reference.points[:, 0]), rel=1e-4)


def test_the_distance_of_the_data_to_itself_is_nearly_zero() -> None:
    reference, other = Reference(DATA["ring"](), 0), Reference(DATA["ring"](), 1)
    model, _ = train_gan(reference, SETTINGS["ring"], [0], 0, lambda _: None)
    model.generator = _Given(other.points)
    snapshot = reference.snapshot(model, 0, {})
    assert snapshot.distance < 0.01
    assert snapshot.modes == 8
    assert np.nanmean(abs(snapshot.best - 0.5)) < 0.1


class _Given(torch.nn.Module):
    """A generator that returns given points, whatever its latents."""

    def __init__(self, points: np.ndarray) -> None:
        super().__init__()
        self.points = torch.from_numpy(points).float()

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.points[: len(latents), None, :, None]


@pytest.mark.learning
@pytest.mark.parametrize("seed", [0, 1])
def test_a_short_training_brings_generated_points_near_the_data_and_d_near_its_optimum(seed: int) -> None:
    reference = Reference(DATA["line"](), seed)
    settings = TrainingSettings(penalty=0.1, generator_every=3, steps=450)
    _, snapshots = train_gan(reference, settings, [0, 450], seed, lambda _: None)
    assert snapshots[-1].distance < 0.12 < snapshots[0].distance
    assert snapshots[-1].modes == 2
    assert discriminator_gap(reference, snapshots[-1]) < 0.15 < discriminator_gap(reference, snapshots[0])


def test_the_same_seed_gives_the_same_training() -> None:
    reference = Reference(DATA["line"](), 0)
    distances = [
        train_gan(reference, SETTINGS["line"], [0, 20], seed, lambda _: None)[1][1].distance for seed in (3, 3, 4)
    ]
    assert distances[0] == distances[1] != distances[2]


def test_divergence_is_reported() -> None:
    reference = Reference(DATA["line"](), 0)
    model, _ = train_gan(reference, SETTINGS["line"], [0], 0, lambda _: None)
    torch.nn.init.constant_(model.generator[0].weight, float("nan"))
    with pytest.raises(TrainingError, match="diverged at step 7"):
        reference.snapshot(model, 7, {})


def test_snapshots_are_denser_at_the_start_and_hold_both_ends() -> None:
    snapshots = spread_steps(1000, 11)
    assert (snapshots[0], snapshots[-1]) == (0, 1000)
    assert (np.diff(snapshots, 2) >= 0).all()
    assert set(spread_steps(10, 100)) == set(range(11))


@pytest.mark.parametrize("data", ["line", pytest.param("moons", marks=pytest.mark.learning)])
def test_the_lesson_writes_a_strip_an_animation_and_its_numbers(tmp_path: Path, data: str) -> None:
    found = iw.lesson("gan", tmp_path, data=data, steps=10, frames=6, batch_size=16)
    paths, numbers = found.paths, found.numbers
    assert [path.name for path in paths] == ["numbers.json", "steps.png", "training.webp"]
    with Image.open(tmp_path / "training.webp") as moving:
        assert moving.n_frames >= 3  # equal frames in a row are one that lasts
    written = json.loads((tmp_path / "numbers.json").read_text())
    assert [each["step"] for each in written["snapshots"]] == spread_steps(10, 6)
    assert written["options"]["data"] == data
    assert written["snapshots"][-1]["wasserstein_distance"] == numbers["snapshots"][-1]["wasserstein_distance"]


def test_an_option_out_of_bounds_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="steps=3"):
        iw.lesson("gan", tmp_path / "out", steps=3)
    with pytest.raises(ConfigError, match="Did you mean 'penalty'"):
        iw.lesson("gan", tmp_path / "out", penality=1)
    assert not (tmp_path / "out").exists()
