"""The lessons on GANs: what is drawn is what was trained, a game converges, another collapses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import multivariate_normal, wasserstein_distance

from imagewright.errors import ConfigError, TrainingError
from imagewright.lessons.base import teach
from imagewright.lessons.gan.data import DATA
from imagewright.lessons.gan.lesson import RULES, discriminator_gap
from imagewright.lessons.gan.training import REACH, Rules, Table, play, spread_looks


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
def test_densities_sum_to_what_is_in_view_and_the_best_discriminator_follows_from_them(name: str) -> None:
    table = Table(DATA[name](), 0)
    model, (look,) = play(table, RULES[name], [0], 0, lambda _: None)
    with torch.no_grad():
        points = model.decode(torch.from_numpy(table.latents).float()).flatten(1).numpy()
    cell = (table.edges[1] - table.edges[0]) ** table.data.dimensions
    assert table.density.sum() * cell == pytest.approx(1, abs=0.01)
    # A generator that is not trained sends points out of view: there they are not counted.
    assert look.generated.sum() * cell == pytest.approx((abs(points) <= REACH).all(1).mean(), abs=0.03)
    known = np.isfinite(look.best)
    assert np.allclose(look.best[known], (table.density / (table.density + look.generated))[known])
    assert ((look.judged > 0) & (look.judged < 1)).all()


def test_the_generated_density_is_the_change_of_variables() -> None:
    """Of an affine generator: uniform latents become a uniform density."""
    table = Table(DATA["line"](), 0)
    model, _ = play(table, RULES["line"], [0], 0, lambda _: None)
    model.generator = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Unflatten(1, (1, 1, 1)))
    torch.nn.init.constant_(model.generator[0].weight, 0.5)
    torch.nn.init.constant_(model.generator[0].bias, 0.2)
    look = table.look(model, 0, {})
    inside = (table.centres > -0.15) & (table.centres < 0.55)  # three blurs from the ends, -0.3 and 0.7
    assert np.allclose(look.generated[inside], 1.0, rtol=0.02)
    assert np.allclose(look.generated[(table.centres < -0.45) | (table.centres > 0.85)], 0)
    points = table.latents[:, 0] * 0.5 + 0.2
    assert look.distance == pytest.approx(wasserstein_distance(points, table.points[:, 0]), rel=1e-4)


def test_the_distance_of_data_to_itself_is_nearly_nothing() -> None:
    table, other = Table(DATA["ring"](), 0), Table(DATA["ring"](), 1)
    model, _ = play(table, RULES["ring"], [0], 0, lambda _: None)
    model.generator = _Given(other.points)
    look = table.look(model, 0, {})
    assert look.distance < 0.01
    assert look.modes == 8
    assert np.nanmean(abs(look.best - 0.5)) < 0.1


class _Given(torch.nn.Module):
    """A generator that knows the answer, whatever it is asked."""

    def __init__(self, points: np.ndarray) -> None:
        super().__init__()
        self.points = torch.from_numpy(points).float()

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.points[: len(latents), None, :, None]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.learning
def test_a_short_game_brings_generated_points_near_the_data_and_d_near_its_best(seed: int) -> None:
    table = Table(DATA["line"](), seed)
    rules = Rules(penalty=0.1, generator_every=3, steps=450)
    _, looks = play(table, rules, [0, 450], seed, lambda _: None)
    assert looks[-1].distance < 0.12 < looks[0].distance
    assert looks[-1].modes == 2
    assert discriminator_gap(table, looks[-1]) < 0.15 < discriminator_gap(table, looks[0])


def test_the_same_seed_plays_the_same_game() -> None:
    table = Table(DATA["line"](), 0)
    distances = [play(table, RULES["line"], [0, 20], seed, lambda _: None)[1][1].distance for seed in (3, 3, 4)]
    assert distances[0] == distances[1] != distances[2]


def test_a_game_that_is_lost_says_so() -> None:
    table = Table(DATA["line"](), 0)
    model, _ = play(table, RULES["line"], [0], 0, lambda _: None)
    torch.nn.init.constant_(model.generator[0].weight, float("nan"))
    with pytest.raises(TrainingError, match="lost at step 7"):
        table.look(model, 7, {})


def test_looks_are_denser_at_the_start_and_hold_both_ends() -> None:
    looks = spread_looks(1000, 11)
    assert (looks[0], looks[-1]) == (0, 1000)
    assert (np.diff(looks, 2) >= 0).all()
    assert set(spread_looks(10, 100)) == set(range(11))


@pytest.mark.parametrize("data", ["line", "moons"])
def test_the_lesson_writes_a_strip_an_animation_and_its_numbers(tmp_path: Path, data: str) -> None:
    paths, numbers = teach("gan", tmp_path, data=data, steps=10, frames=6, batch_size=16)
    assert [path.name for path in paths] == ["numbers.json", "steps.png", "training.webp"]
    with Image.open(tmp_path / "training.webp") as moving:
        assert moving.n_frames >= 3  # equal frames in a row are one that lasts
    written = json.loads((tmp_path / "numbers.json").read_text())
    assert [look["step"] for look in written["looks"]] == spread_looks(10, 6)
    assert written["options"]["data"] == data
    assert written["looks"][-1]["wasserstein_distance"] == numbers["looks"][-1]["wasserstein_distance"]


def test_an_option_out_of_bounds_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="steps=3"):
        teach("gan", tmp_path / "out", steps=3)
    with pytest.raises(ConfigError, match="Did you mean 'penalty'"):
        teach("gan", tmp_path / "out", penality=1)
    assert not (tmp_path / "out").exists()
