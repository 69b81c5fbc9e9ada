"""The density fitted to a model's latents, on posteriors whose aggregate is known: moments, modes, few pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_model
from torch import Tensor, nn

import imagewright as iw
from imagewright.errors import RunError, UserError
from imagewright.model import Model
from imagewright.phases import Rows
from imagewright.runs.weights import write_tensors
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import sample_latents

Z = 4  # latents of the tiny presets


class Lookup(nn.Module):
    """An encoder whose posteriors are given: picture k, whose pixels are all k, has row k."""

    def __init__(self, means: Tensor, deviations: Tensor, outputs: int) -> None:
        super().__init__()
        self.rows = torch.zeros(len(means), outputs)
        self.rows[:, :Z], self.rows[:, Z : 2 * Z] = means, 2 * deviations.log()

    def forward(self, images: Tensor) -> Tensor:
        return self.rows[images[:, 0, 0, 0].long()]


def model_with(means: Tensor, deviations: Tensor | float, name: str = "vae", **options: object) -> Model:
    """A model whose encoder gives these posteriors, (N, Z) each, to pictures 0 to N - 1."""
    model = tiny_model(name, **options).eval()
    outputs = 2 * Z + getattr(model.config, "conditions", 0)
    model.encoder = Lookup(means, torch.as_tensor(deviations).expand_as(means), outputs)
    return model


def numbered(count: int, labels: Tensor | None = None, attributes: Tensor | None = None) -> Rows:
    images = torch.arange(count, dtype=torch.float32)[:, None, None, None].expand(-1, 3, 16, 16)
    return Rows(images=images, labels=labels, attributes=attributes)


def fit(model: Model, rows: Rows, *, thorough: bool = True) -> Model:
    with torch.no_grad():
        model.fit_density([rows], seed=0, thorough=thorough)  # type: ignore[operator]
    return model


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def latents_of(model: Model, count: int = 4000, **options: object) -> Tensor:
    return model.sample_latents(count, torch.Generator().manual_seed(1), **options)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["vae", "vae_gan"])
@pytest.mark.parametrize("thorough", [True, False])
def test_samples_have_the_moments_of_the_aggregate_posterior(name: str, thorough: bool) -> None:
    mixing = torch.tensor([[3.0, 0, 0, 0], [1.5, 1, 0, 0], [0, 0, 0.5, 0], [0, 0.8, 0, 2]])
    means = normal(600, Z) @ mixing.T + torch.tensor([1.0, -2, 0, 0])
    model = fit(model_with(means, 0.7, name), numbered(600), thorough=thorough)
    found = latents_of(model)
    covariance = torch.cov(means.T) + 0.49 * torch.eye(Z)
    torch.testing.assert_close(found.mean(0), means.mean(0), atol=0.2, rtol=0)
    torch.testing.assert_close(torch.cov(found.T), covariance, atol=0.6, rtol=0.1)
    assert model.latent_sources == ("fitted", "prior")
    prior = latents_of(model.sampling_from("prior"))
    torch.testing.assert_close(torch.cov(prior.T), torch.eye(Z), atol=0.1, rtol=0)


def test_the_variance_of_the_posteriors_counts_and_not_their_means_alone() -> None:
    """All means are equal: what varies is within the posteriors."""
    model = fit(model_with(torch.full((200, Z), 2.0), 3.0), numbered(200))
    found = latents_of(model)
    torch.testing.assert_close(found.std(0), torch.full((Z,), 3.0), atol=0.2, rtol=0)
    torch.testing.assert_close(found.mean(0), torch.full((Z,), 2.0), atol=0.2, rtol=0)


def test_clusters_of_latents_get_gaussians_of_their_own() -> None:
    centres = torch.tensor([[-6.0, 0, 0, 0], [6, 0, 0, 0], [0, 6, 0, 0]])
    means = centres.repeat_interleave(100, 0) + 0.5 * normal(300, Z)
    found = latents_of(fit(model_with(means, 0.3), numbered(300)))
    nearest = torch.cdist(found, centres).amin(1)
    assert (nearest < 4).float().mean() > 0.99, "samples between the clusters"
    shares = torch.cdist(found, centres).argmin(1).bincount(minlength=3) / len(found)
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), atol=0.05, rtol=0)


@pytest.mark.parametrize("count", [1, 2, 5, 12, 40])
def test_few_pictures_are_not_merely_copied(count: int) -> None:
    means, deviation = 2 * normal(count, Z), 0.01
    model = fit(model_with(means, deviation), numbered(count))
    distances = torch.cdist(latents_of(model, 200), means).amin(1)
    # A copy is within the posterior of a picture.
    assert (distances > 4 * deviation * math.sqrt(Z)).float().mean() > 0.95
    assert torch.isfinite(distances).all()


def test_latents_that_carry_nothing_stay_standard_normal() -> None:
    means, deviations = torch.zeros(300, Z), torch.ones(300, Z)
    means[:, 0], deviations[:, 0] = 5 * normal(300), 0.1
    model = fit(model_with(means, deviations), numbered(300))
    assert model.density.active.tolist() == [0]
    found, prior = latents_of(model, 50), latents_of(model.sampling_from("prior"), 50)
    assert torch.equal(found[:, 1:], prior[:, 1:])
    assert not torch.equal(found[:, 0], prior[:, 0])


@pytest.mark.parametrize("means", [torch.zeros(50, Z), torch.full((50, Z), torch.inf), torch.full((50, Z), torch.nan)])
def test_without_active_or_finite_latents_the_prior_is_sampled(means: Tensor) -> None:
    model = fit(model_with(means, 1.0), numbered(50))
    assert model.latent_sources == ("prior",)
    torch.testing.assert_close(latents_of(model).std(0), torch.ones(Z), atol=0.1, rtol=0)
    with pytest.raises(UserError, match=r"no density fitted.*--sample-from prior"):
        model.sampling_from("fitted")
    with pytest.raises(UserError, match=r"not from 'fited'.*fitted"):
        model.sampling_from("fited")


def test_equal_latents_can_be_fitted() -> None:
    model = fit(model_with(torch.full((100, Z), 3.0), 1e-4), numbered(100))
    assert torch.isfinite(latents_of(model, 100)).all()


def test_a_fit_is_the_same_each_time_and_replaces_the_one_before() -> None:
    means = normal(100, Z) * 3
    first = fit(model_with(means, 0.5), numbered(100))
    again = fit(fit(model_with(means, 0.5), numbered(100), thorough=False), numbered(100))
    for name, buffer in first.density.named_buffers():
        assert torch.equal(buffer, again.density.get_buffer(name)), name


# Conditions


def test_each_class_is_sampled_from_where_its_pictures_are() -> None:
    labels = torch.arange(400) % 2
    centres = torch.tensor([[-5.0, 0, 0, 0], [5, 1, 0, 0]])
    means = centres[labels] + 0.5 * normal(400, Z)
    model = fit(model_with(means, 0.2, condition="labels"), numbered(400, labels))
    by_class = [latents_of(model, 500, labels=torch.full((500,), number)) for number in (0, 1)]
    for found, centre in zip(by_class, centres, strict=True):
        torch.testing.assert_close(found[:, :Z].mean(0), centre, atol=0.3, rtol=0)
    # The noise of a seed does not depend on the class: the latents of the two differ by what the class adds.
    difference = by_class[1][:, :Z] - by_class[0][:, :Z]
    assert difference.std(0).max() < 1e-3
    assert by_class[1][:, Z:].tolist() == [[0.0, 1.0]] * 500


def test_conditions_that_say_nothing_of_the_latents_hardly_move_them() -> None:
    labels = torch.arange(400) % 2
    model = fit(model_with(3 * normal(400, Z), 0.2, condition="labels"), numbered(400, labels))
    assert model.density.shift.abs().max() < 0.15 * 3


# What a seed means


def test_a_sample_of_a_seed_is_the_same_for_any_count_and_shares_its_noise_with_the_prior() -> None:
    model = fit(model_with(3 * normal(300, Z), 0.2), numbered(300))
    many = iw.sample(model, 5, seed=3)
    assert torch.equal(many[:2], iw.sample(model, 2, seed=3))
    assert torch.equal(many, iw.sample(model, 5, seed=3, sample_from="fitted"))
    prior = iw.sample(model, 5, seed=3, sample_from="prior")
    assert not torch.equal(many, prior)
    untouched = tiny_model("vae").eval()
    assert torch.equal(prior, iw.sample(untouched, 5, seed=3)), "the samples of a version without the density"


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("given", [{}, {"label": 1}, {"sample_from": "prior"}])
def test_samples_in_one_pass_are_those_of_their_seeds_one_by_one(groups: int, given: dict[str, Any]) -> None:
    labels = torch.arange(400) % 2
    means = 3 * normal(400, Z) @ normal(Z, Z, seed=5) + 20 * (torch.arange(400) // 200 % groups)[:, None]
    model = fit(model_with(means, 0.2, condition="labels"), numbered(400, labels))
    sampler = model.sampling_from("prior") if "sample_from" in given else model
    conditions = {"labels": torch.tensor([1])} if "label" in given else {}
    seeds = [derive_seed(3, "sample", number) for number in range(40)]
    one_by_one = [sampler.sample_latents(1, torch.Generator().manual_seed(seed), **conditions) for seed in seeds]
    assert torch.equal(sample_latents(model, 40, 3, **given), torch.cat(one_by_one))
    assert torch.equal(sample_latents(model, 7, 3, **given), torch.cat(one_by_one[:7]))


def test_a_state_without_a_density_can_be_loaded() -> None:
    fitted = fit(model_with(3 * normal(300, Z), 0.2), numbered(300))
    state = {name: value for name, value in tiny_model("vae").state_dict().items() if not name.startswith("density.")}
    model = tiny_model("vae")
    model.density.load_state_dict(fitted.density.state_dict())
    assert model.latent_sources == ("fitted", "prior")
    model.load_state_dict(state)
    assert model.latent_sources == ("prior",)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"active": torch.tensor([0, 1, 2, 9])}, "other latents than the 4"),
        ({"active": torch.tensor([0, 1])}, "do not belong together"),
        ({"means": torch.zeros(4)}, "dimensions"),
        ({"factors": torch.full((1, 4, 4), torch.nan)}, "finite"),
        ({"weights": torch.tensor([-1.0])}, "probabilities"),
        ({"shift": None}, "dimensions"),
    ],
)
def test_a_damaged_density_is_refused_when_it_is_loaded(
    damage: dict[str, Tensor | None], message: str, tmp_path: Path
) -> None:
    model = tiny_model("vae")
    model.density = fit(model_with(3 * normal(40, Z), 0.1), numbered(40), thorough=False).density
    state = {name: tensor for name, tensor in model.state_dict().items() if name.removeprefix("density.") not in damage}
    state |= {f"density.{name}": tensor for name, tensor in damage.items() if tensor is not None}
    config = {"size": [16, 16], "channels": 3, "latent_dim": 4, "width": 8}
    write_tensors(tmp_path / "model.safetensors", state, {"model": "vae", "config": config})
    with pytest.raises(RunError, match=f"density is damaged: .*{message}"):
        iw.load(tmp_path / "model.safetensors")
