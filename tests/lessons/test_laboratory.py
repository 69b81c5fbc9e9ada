"""The GAN laboratory: its steps, its changes, what it measures, and what its doctor says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import imagewright as iw
from imagewright.errors import ConfigError, TrainingError, UserError
from imagewright.lessons.gan.data import DATA, drawn_mixture
from imagewright.lessons.gan.divergences import divergences
from imagewright.lessons.gan.readings import best_reading, read_output
from imagewright.lessons.laboratory.cases import collapse_and_cures
from imagewright.lessons.laboratory.laboratory import Laboratory
from imagewright.lessons.laboratory.settings import (
    FRESH,
    LaboratorySettings,
    build_settings,
    describe_settings,
    suggested_settings,
)
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.training.doctor.findings import Finding

SMALL = {"width": 8, "batch_size": 16}


def begin(data: str = "ring", **settings: Any) -> Laboratory:
    return Laboratory(DATA[data](), build_settings(SMALL | settings))


def weights(laboratory: Laboratory, network: str) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in laboratory.model.get_submodule(network).parameters()]).clone()


@pytest.mark.parametrize(("part", "other"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_one_network_moves_alone(part: Any, other: str) -> None:
    laboratory = begin(generator_every=10, discriminator_every=10)
    laboratory.run()
    before = weights(laboratory, part), weights(laboratory, other)
    laboratory.run_part(part)
    assert not torch.equal(before[0], weights(laboratory, part))
    assert torch.equal(before[1], weights(laboratory, other))
    laboratory.run(10)  # the rhythm of both is as before
    assert not torch.equal(before[1], weights(laboratory, other))


def test_equal_settings_give_equal_weights() -> None:
    first, second, other = begin(), begin(), begin(seed=1)
    for each in (first, second, other):
        each.run(5)
    assert torch.equal(weights(first, "generator"), weights(second, "generator"))
    assert not torch.equal(weights(first, "generator"), weights(other, "generator"))


def test_changes_act_on_the_next_step() -> None:
    laboratory = begin(penalty=0.0)
    laboratory.run()
    assert set(laboratory.frame().snapshot.losses) == {
        "generator/adversarial", "discriminator/real", "discriminator/fake"
    }  # fmt: skip
    laboratory.change(loss="wasserstein", penalty=1, penalty_kind="gradient_penalty")
    laboratory.run()
    assert set(laboratory.frame().snapshot.losses) == {
        "generator/adversarial", "discriminator/critic", "discriminator/gradient_penalty"
    }  # fmt: skip
    before = weights(laboratory, "generator")
    laboratory.change(generator_rate=1e-5, discriminator_rate=1e-5)
    laboratory.run()
    assert float((weights(laboratory, "generator") - before).abs().max()) < 1.1e-4  # Adam's first betas are 0 and 0.9


@pytest.mark.parametrize(("fast", "slow"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_each_network_has_its_own_learning_rate(fast: str, slow: str) -> None:
    laboratory = begin()
    laboratory.change(**{f"{fast}_rate": 0.05, f"{slow}_rate": 1e-5})
    before = weights(laboratory, fast), weights(laboratory, slow)
    laboratory.run()
    moved = [
        float((weights(laboratory, name) - old).abs().max()) for name, old in zip((fast, slow), before, strict=True)
    ]
    assert moved[0] > 100 * moved[1] > 0


def test_what_needs_new_networks_is_refused() -> None:
    laboratory = begin()
    with pytest.raises(ConfigError, match="width, seed cannot change"):
        laboratory.change(width=16, seed=3)
    with pytest.raises(ConfigError, match="Did you mean 'penalty'"):
        laboratory.change(penality=3)


def test_the_public_function_takes_names_and_points() -> None:
    assert len(iw.gan_laboratory("comb", **SMALL).data.modes) == 5
    assert iw.gan_laboratory(np.array([[0.1], [0.2]]), **SMALL).data.dimensions == 1
    with pytest.raises(UserError, match="Did you mean 'ring'"):
        iw.gan_laboratory("rng")
    for wrong in (np.zeros((3, 3)), np.zeros((0, 2)), np.array([[2.0, 0.0]]), np.array([[np.nan, 0.0]])):
        with pytest.raises(UserError, match=r"\(N, 1\) or \(N, 2\)"):
            iw.gan_laboratory(wrong)


@pytest.mark.parametrize("loss", list(ADVERSARIAL))
@pytest.mark.parametrize("data", ["comb", "moon"])
def test_a_frame_of_each_loss(loss: str, data: str) -> None:
    laboratory = begin(data, loss=loss, latent_dim=1)
    laboratory.run(2)
    frame = laboratory.frame()
    dimensions = laboratory.data.dimensions
    assert frame.fake.shape == frame.real.shape == frame.pulls.shape == (200, dimensions)
    assert ((frame.snapshot.probability >= 0) & (frame.snapshot.probability <= 1)).all()
    known = np.isfinite(frame.snapshot.best)
    assert known.any() == (loss != "wasserstein")
    assert frame.snapshot.mapped.shape[-1] == dimensions
    assert 0 <= frame.divergences["js"] <= math.log(2)
    assert frame.divergences["kl"] >= 0


@pytest.mark.parametrize("data", ["ring", "comb"])
def test_cells_of_a_linear_generator_have_the_density_of_its_determinant(data: str) -> None:
    laboratory = begin(data, latent_dim=2)
    dimensions = laboratory.data.dimensions
    matrix = torch.tensor([[0.5, 0.2], [0.1, -0.3]])[:dimensions, :dimensions]
    linear = torch.nn.Linear(dimensions, dimensions)
    linear.weight, linear.bias = torch.nn.Parameter(matrix), torch.nn.Parameter(torch.full((dimensions,), 0.1))
    laboratory.model.generator = torch.nn.Sequential(linear, torch.nn.Unflatten(1, (1, dimensions, 1)))
    cells = laboratory.frame().cells
    assert np.allclose(cells.density, 0.5**dimensions / float(matrix.det().abs()), rtol=1e-4)
    assert np.allclose(cells.corners, cells.before @ matrix.numpy().T + 0.1, atol=1e-6)


def test_cells_of_a_collapsed_generator_are_dense_and_finite() -> None:
    laboratory = begin()
    for parameter in laboratory.model.generator.parameters():
        torch.nn.init.zeros_(parameter)
    density = laboratory.frame().cells.density
    assert np.isfinite(density).all()
    assert density.min() > 1000


def test_gaussian_latents_are_seen_by_their_quantiles() -> None:
    laboratory = begin(prior="gaussian", latent_dim=1)
    sampled = laboratory.model.sample_latents(20_000, torch.Generator().manual_seed(0))
    assert float(sampled.std()) == pytest.approx(1, abs=0.03)
    lattice = laboratory.reference.latents
    assert np.quantile(lattice, [0.0228, 0.5, 0.8413]) == pytest.approx([-2, 0, 1], abs=0.01)
    laboratory.run(2)
    assert laboratory.frame().in_view <= 1


def test_sgd_moves_along_the_gradient_and_adam_by_its_rate() -> None:
    laboratory = begin(generator_optimizer="sgd", generator_rate=0.1, penalty=0.0)
    twice = begin(generator_optimizer="sgd", generator_rate=0.2, penalty=0.0)
    moved = []
    for each in (laboratory, twice):
        before = weights(each, "generator")
        each.run_part("generator")
        moved.append(weights(each, "generator") - before)
    assert torch.allclose(moved[1], 2 * moved[0], atol=1e-6)
    sizes = moved[0].abs()
    assert float(sizes.max()) > 10 * float(sizes[sizes > 0].median())  # Adam's first steps are all as long as the rate
    before = weights(laboratory, "generator")
    laboratory.change(generator_optimizer="adam", generator_rate=1e-3)  # while it trains
    laboratory.run_part("generator")
    adam = (weights(laboratory, "generator") - before).abs()
    assert float(adam[adam > 0].median()) == pytest.approx(1e-3 / math.sqrt(1), rel=0.5)


def test_pulls_point_to_where_the_generator_loss_falls() -> None:
    laboratory = begin("line", loss="wasserstein")
    laboratory.model.discriminator = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 1), torch.nn.Flatten(0))
    torch.nn.init.constant_(laboratory.model.discriminator[1].weight, 3.0)
    assert np.allclose(laboratory.frame().pulls, 3.0)  # of the loss -D(x) with D(x) = 3 x


def test_the_best_outputs_follow_from_the_densities() -> None:
    p, q = np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 3.0, 1.0, 0.0])
    for loss in ("non_saturating", "least_squares", "relativistic"):
        assert np.allclose(best_reading(loss, p, q), [0.5, 0.25, 0, np.nan], equal_nan=True)
    assert np.allclose(best_reading("hinge", p, q), [0.5, 0, 0, np.nan], equal_nan=True)
    assert np.isnan(best_reading("wasserstein", p, q)).all()
    real, fake = np.array([2.0, 4.0]), np.array([-1.0, 1.0])
    assert np.allclose(read_output("wasserstein", np.array([3.0, 0.0, 1.5]), real, fake), [0.75, 0.25, 0.5])
    assert np.allclose(read_output("hinge", np.array([-3.0, 0.0, 1.0]), real, fake), [0, 0.5, 1])
    assert np.allclose(read_output("relativistic", np.array([0.0]), real + 5, fake + 5), read_output(
        "relativistic", np.array([-5.0]), real, fake
    ))  # fmt: skip


def test_divergences_of_equal_and_of_separate_densities() -> None:
    one, other = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    assert divergences(one, one, 0.5) == pytest.approx({"kl": 0, "js": 0})
    for apart in (divergences(one, other, 0.5), divergences(one, 0 * one, 0.5)):  # elsewhere, and out of view
        assert apart["js"] == pytest.approx(math.log(2), abs=0.01)
        assert apart["kl"] > 5


def test_drawn_points_are_a_density_with_a_mode_a_cell() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (5000, 2))
    data = drawn_mixture(points)
    assert len(data.centres) < 200
    assert len(data.modes) == 25
    assert sorted(np.concatenate(data.modes)) == list(range(len(data.centres)))
    assert drawn_mixture(np.array([[0.3]])).dimensions == 1


@pytest.mark.learning
def test_the_doctor_names_a_collapse_and_its_suggestion_is_a_setting() -> None:
    laboratory = begin(batch_size=8)
    for parameter in laboratory.model.generator.parameters():
        torch.nn.init.zeros_(parameter)
    laboratory.change(generator_rate=1e-5, batch_size=8, penalty=0.0)
    found: list[Finding] = []
    for _ in range(12):
        laboratory.run(25)
        found = laboratory.examine()
    assert "collapse" in [each.name for each in found]
    assert "memorisation" not in [each.name for each in found]
    collapse = next(each for each in found if each.name == "collapse")
    changes = suggested_settings(collapse.remedy.options, laboratory.settings)
    assert changes
    laboratory.change(**changes)
    laboratory.run()


def test_what_the_doctor_suggests_is_a_setting_or_nothing() -> None:
    settings = build_settings({"generator_rate": 1e-3, "discriminator_rate": 4e-3})
    assert suggested_settings({"penalty": 0.5}, settings) == {"penalty": 0.5}
    assert suggested_settings({"loss": "relativistic"}, settings) == {"loss": "relativistic"}
    assert suggested_settings({"learning_rate": 5e-4}, settings) == {
        "generator_rate": 5e-4, "discriminator_rate": 2e-3
    }  # fmt: skip
    for foreign in ({"flip": True}, {"penalty": 80.0}, {}):  # unknown here, out of bounds, no option
        assert suggested_settings(foreign, settings) == {}


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_divergence_is_told(network: str) -> None:
    laboratory = begin()
    torch.nn.init.constant_(next(laboratory.model.get_submodule(network).parameters()), float("nan"))
    with pytest.raises(TrainingError, match=f"diverged at step 0: the {network}"):
        laboratory.frame()


def test_the_form_describes_every_setting() -> None:
    described = {each["name"]: each for each in describe_settings()}
    assert set(FRESH) == {name for name, each in described.items() if each["fresh"]}
    assert {name: each["default"] for name, each in described.items()} == vars(LaboratorySettings())
    assert described["loss"]["choices"] == list(ADVERSARIAL)
    assert described["width"]["low"] == 2
    with pytest.raises(ConfigError, match="momentum=2"):
        build_settings({"momentum": 2})


def test_cases_are_settings_and_the_first_one_collapses() -> None:
    collapse, *cures = collapse_and_cures()
    assert collapse.data == "ring"
    assert build_settings(collapse.changes).penalty == 0
    assert all(build_settings(each.changes) != build_settings(collapse.changes) for each in cures)


@pytest.mark.learning
@pytest.mark.parametrize("cure", ["R1 penalty", "Relativistic, R1 and R2", "Wasserstein, gradient penalty"])
def test_a_collapsed_gan_is_cured_while_it_trains(cure: str) -> None:
    collapse, *cures = collapse_and_cures()
    laboratory = Laboratory(DATA["ring"](), build_settings(collapse.changes))
    laboratory.run(400)
    assert laboratory.frame().snapshot.modes <= 2
    laboratory.change(**next(each.changes for each in cures if each.title == cure))
    covered = []
    for _ in range(5):
        laboratory.run(200)
        covered.append(laboratory.frame().snapshot.modes)
    assert max(covered) >= 6
