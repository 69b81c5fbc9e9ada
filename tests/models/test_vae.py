"""The VAE, compared with models whose exact likelihood is known: linear Gaussian ones, or very small ones."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from tiny import BATCH, batch_of, engine_of, simple_pictures, tiny_model
from torch import Tensor, nn
from torch.distributions import Bernoulli, LowRankMultivariateNormal, Normal, kl_divergence

import imagewright as iw
from imagewright.models.autoencoding.vae import PIXEL_STEP, VAE
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float

SIGMA = 0.2


class LinearDecoder(nn.Module):
    """z -> atanh(b + W z), so that the VAE's tanh gives b + W z."""

    def __init__(self, weights: Tensor, bias: Tensor, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.weights, self.bias, self.shape = weights, bias, shape

    def forward(self, latents: Tensor) -> Tensor:
        return torch.atanh(self.bias + latents @ self.weights.T).unflatten(1, self.shape)


class ConstantEncoder(nn.Module):
    """The same Gaussian for every picture."""

    def __init__(self, means: list[float], log_variances: list[float]) -> None:
        super().__init__()
        self.outputs = torch.tensor([*means, *log_variances])

    def forward(self, images: Tensor) -> Tensor:
        return self.outputs.expand(len(images), -1)


class ExactEncoder(nn.Module):
    """The posterior of a linear Gaussian model whose columns are orthogonal: a Gaussian with independent parts."""

    def __init__(self, weights: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.precision = 1 + weights.square().sum(0) / SIGMA**2
        self.gain = (weights / SIGMA**2 / self.precision).T
        self.bias = bias

    def forward(self, images: Tensor) -> Tensor:
        means = (images.flatten(1) - self.bias) @ self.gain.T
        return torch.cat([means, -self.precision.log().expand_as(means)], 1)


def linear_gaussian(size: tuple[int, int] = (2, 2), latents: int = 2, strength: float = 0.15) -> VAE:
    """A VAE whose log-likelihood is that of a Gaussian. `strength` is small, so that b + W z is within (-1, 1)."""
    model = tiny_model("vae", size, 1, latent_dim=latents, sigma=SIGMA).eval()
    generator = torch.Generator().manual_seed(0)
    columns = torch.linalg.qr(torch.randn(math.prod(size), latents, generator=generator))[0]
    weights = strength * columns * torch.linspace(1, 0.6, latents)
    bias = torch.linspace(-0.2, 0.1, math.prod(size))
    model.decoder = LinearDecoder(weights, bias, (1, *size))
    model.encoder = ExactEncoder(weights, bias)
    return model


def exact_log_likelihood(model: VAE, images: Tensor) -> Tensor:
    """log N(x; b, W W' + sigma^2) of dequantised pictures, as the log-probability of their grey levels."""
    weights, bias = model.decoder.weights.double(), model.decoder.bias.double()
    gaussian = LowRankMultivariateNormal(bias, weights, torch.full_like(bias, SIGMA**2))
    density = gaussian.log_prob(images.flatten(1).double())
    return density + len(bias) * math.log(PIXEL_STEP)


def dequantised(images: Tensor, seed: int = 0) -> Tensor:
    """The pictures with the noise that `score` adds with this seed."""
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(seed))
    return images + PIXEL_STEP * (noise - 0.5)


def score(model: VAE, images: Tensor, samples: int, seed: int = 0) -> Tensor:
    with torch.inference_mode():
        return model.score(images, torch.Generator().manual_seed(seed), samples)


def some_images(count: int = 6, size: tuple[int, int] = (2, 2)) -> Tensor:
    generator = np.random.default_rng(1)
    return to_float(torch.from_numpy(generator.integers(90, 150, (count, 1, *size), dtype=np.uint8)))


# The bound


@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_exact_posterior_the_bound_equals_the_likelihood_for_any_number_of_samples(samples: int) -> None:
    model, images = linear_gaussian(), some_images()
    expected = exact_log_likelihood(model, dequantised(images))
    torch.testing.assert_close(score(model, images, samples).double(), expected, atol=1e-4, rtol=0)


def test_with_a_poor_posterior_the_bound_approaches_the_likelihood_with_many_samples() -> None:
    model, images = linear_gaussian(), some_images()
    expected = exact_log_likelihood(model, dequantised(images))
    model.encoder = ConstantEncoder([0.0, 0.0], [0.0, 0.0])  # the prior
    one = score(model, images, 1).double()
    assert (one - expected).abs().max() > 0.5
    torch.testing.assert_close(score(model, images, 50_000).double(), expected, atol=0.05, rtol=0)


def test_the_bound_increases_with_the_number_of_samples() -> None:
    model = linear_gaussian()
    model.encoder = ConstantEncoder([0.3, -0.5], [-1.0, 0.5])
    images = some_images(1).expand(600, -1, -1, -1)
    means = [score(model, images, samples).mean().item() for samples in (1, 5, 50)]
    truth = exact_log_likelihood(model, images[:1]).item()
    assert means[0] < means[1] < means[2] < truth + 0.05


@pytest.mark.learning
def test_the_expectation_of_one_sample_is_the_elbo() -> None:
    model = linear_gaussian()
    mean, log_variance = torch.tensor([0.3, -0.5]), torch.tensor([-1.0, 0.5])
    model.encoder = ConstantEncoder(mean.tolist(), log_variance.tolist())
    image = some_images(1)
    weights, bias = model.decoder.weights, model.decoder.bias
    # E log N(x; b + W z, sigma^2) over z ~ N(mean, variance) in closed form, plus the variance of the dequantisation.
    residual = (image.flatten() - bias - weights @ mean).square().sum()
    spread = (weights.square() @ log_variance.exp()).sum() + image.numel() * PIXEL_STEP**2 / 12
    likelihood = -0.5 * ((residual + spread) / SIGMA**2 + 4 * math.log(2 * math.pi * SIGMA**2))
    divergence = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros(2), torch.ones(2))).sum()
    elbo = likelihood - divergence + 4 * math.log(PIXEL_STEP)
    scores = score(model, image.expand(4_000, -1, -1, -1), 1)
    assert scores.mean().item() == pytest.approx(elbo.item(), abs=4 * scores.std().item() / math.sqrt(len(scores)))
    terms = model.negative_elbo(step_of(image.expand(4_000, -1, -1, -1)))
    assert -sum(terms.values()).item() == pytest.approx(elbo.item(), abs=0.1)


def test_many_samples_are_computed_in_chunks() -> None:
    model = linear_gaussian((64, 64), latents=1)
    images = some_images(1, (64, 64))
    expected = exact_log_likelihood(model, dequantised(images))
    found = score(model, images, 2**22 // 4096 + 300).double()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


# Likelihoods


def step_of(images: Tensor, seed: int = 0) -> Step:
    draws = Draws(torch.Generator().manual_seed(seed), len(images), 0, len(images))
    return Step(images=images, index=0, images_seen=0, draws=draws)


def constant_decoder(model: VAE, outputs: Tensor) -> None:
    model.decoder = nn.Sequential(nn.Flatten(), nn.Linear(model.config.latent_dim, outputs.numel()))
    nn.init.zeros_(model.decoder[1].weight)
    model.decoder[1].bias.data = outputs.flatten()
    model.decoder.append(nn.Unflatten(1, model.config.image_shape))
    model.encoder = ConstantEncoder([0.0] * model.config.latent_dim, [0.0] * model.config.latent_dim)


def test_probabilities_of_black_and_white_pictures_sum_to_one() -> None:
    model = tiny_model("vae", (2, 2), 1, likelihood="bernoulli", binarize="threshold").eval()
    logits = torch.tensor([0.3, -2.0, 1.0, 4.0])
    constant_decoder(model, logits)
    pictures = torch.tensor(list(product([-1.0, 1.0], repeat=4))).reshape(16, 1, 2, 2)
    scores = score(model, pictures, 3)
    assert scores.exp().sum().item() == pytest.approx(1, abs=1e-5)
    expected = Bernoulli(logits=logits).log_prob((pictures.flatten(1) > 0).float()).sum(1)
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)


def test_probabilities_of_the_grey_levels_of_a_pixel_sum_to_one() -> None:
    model = tiny_model("vae", (1, 1), 1, likelihood="gaussian", sigma=SIGMA).eval()
    constant_decoder(model, torch.tensor([0.1]))
    levels = to_float(torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1))
    probabilities = score(model, levels, 1).exp()
    assert probabilities.sum().item() == pytest.approx(1, abs=5e-3)
    assert levels[probabilities.argmax()].item() == pytest.approx(math.tanh(0.1), abs=0.02)


def encoder_inputs(model: VAE, images: Tensor, seed: int = 0) -> Tensor:
    """The inputs of the encoder in a training step."""
    recorded = []
    handle = model.encoder.register_forward_pre_hook(lambda _, inputs: recorded.append(inputs[0]))
    model.negative_elbo(step_of(images, seed))
    handle.remove()
    return recorded[0]


def test_dynamic_binarisation_samples_each_pixel_with_its_grey_as_probability() -> None:
    model = tiny_model("vae", (8, 8), 1, likelihood="bernoulli", binarize="dynamic")
    images = torch.full((2000, 1, 8, 8), -0.4)  # grey 0.3
    images[:, :, 0, 0], images[:, :, 7, 7] = -1.0, 1.0
    sampled = encoder_inputs(model, images)
    assert set(sampled.unique().tolist()) == {0.0, 1.0}
    assert sampled[:, 0, 3, 3].mean().item() == pytest.approx(0.3, abs=0.05)
    assert sampled[:, 0, 0, 0].sum() == 0
    assert sampled[:, 0, 7, 7].mean() == 1
    assert not torch.equal(encoder_inputs(model, images, seed=1), sampled)


def test_binarize_threshold_cuts_at_half_and_none_leaves_grey_values() -> None:
    images = torch.tensor([-1.0, -0.01, 0.01, 1.0]).reshape(1, 1, 2, 2)
    cut = encoder_inputs(tiny_model("vae", (2, 2), 1, likelihood="bernoulli", binarize="threshold").eval(), images)
    assert cut.flatten().tolist() == [0, 0, 1, 1]
    grey = encoder_inputs(tiny_model("vae", (2, 2), 1, likelihood="bernoulli").eval(), images)
    assert grey.flatten().tolist() == pytest.approx([0, 0.495, 0.505, 1])


def test_with_a_gaussian_likelihood_pictures_are_dequantised_by_less_than_half_a_level() -> None:
    images = to_float(batch_of(BATCH).images)
    noise = encoder_inputs(tiny_model("vae"), images) - images
    assert noise.abs().max() <= PIXEL_STEP / 2 + 1e-6
    assert noise.std().item() == pytest.approx(PIXEL_STEP / math.sqrt(12), rel=0.05)


# The objective


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_beta_weights_the_divergence_but_not_the_reported_elbo(beta: float) -> None:
    model = tiny_model("vae", beta=beta)
    images = to_float(batch_of().images)
    terms = {name: value.item() for name, value in model.negative_elbo(step_of(images)).items()}
    plain = {n: v.item() for n, v in tiny_model("vae", beta=1.0).negative_elbo(step_of(images)).items()}
    assert terms["reconstruction"] == pytest.approx(plain["reconstruction"], rel=1e-5)
    assert terms["divergence"] == pytest.approx(beta * plain["divergence"], rel=1e-4)
    derived = model.derived_metrics({f"elbo/{name}": value for name, value in terms.items()})
    if not beta:  # the divergence is unknown
        assert derived == {}
        return
    elbo = -(plain["reconstruction"] + plain["divergence"])
    assert derived["elbo"] == pytest.approx(elbo, rel=1e-4)
    assert derived["bits_per_dimension"] == pytest.approx(-elbo / (3 * 16 * 16) / math.log(2), rel=1e-4)


def test_a_uniform_distribution_has_eight_bits_a_value() -> None:
    model = tiny_model("vae")
    nats = 3 * 16 * 16 * math.log(256)
    derived = model.derived_metrics({"elbo/reconstruction": nats - 5.0, "elbo/divergence": 5.0})
    assert derived["bits_per_dimension"] == pytest.approx(8)


@pytest.mark.parametrize(
    ("options", "learned"),
    [({}, True), ({"sigma": 0.3}, False), ({"likelihood": "bernoulli"}, False), ({"sigma": 0}, True)],
)
def test_the_noise_level_is_trained_if_it_is_learned(options: dict[str, object], learned: bool) -> None:
    model = tiny_model("vae", **options)
    before = model.noise_level().item()
    assert ("noise_level" in model.phases()[0].updates) == learned
    if options.get("sigma"):
        assert before == pytest.approx(2 * math.log(0.3))
    engine = engine_of(model)
    engine.step({"images": batch_of()}, 0, 0)
    assert (model.noise_level().item() != before) == learned


def test_the_gradient_of_the_noise_level_is_zero_at_the_mean_squared_error() -> None:
    model = tiny_model("vae")
    images = to_float(batch_of().images)

    def gradient() -> float:
        model.zero_grad()
        model.negative_elbo(step_of(images))["reconstruction"].backward()
        return model.noise_level.level.grad.item()

    rebuilt = []
    handle = model.decoder.register_forward_hook(lambda *given: rebuilt.append(torch.tanh(given[2]).detach()))
    gradient()
    handle.remove()
    targets = encoder_inputs(model, images)
    error = (targets - rebuilt[0]).square().mean()
    with torch.no_grad():
        model.noise_level.level.fill_(error.log().item() / model.noise_level.SPEED)
    assert model.noise_level().item() == pytest.approx(error.log().item(), abs=1e-3)
    at_optimum = abs(gradient())
    with torch.no_grad():
        model.noise_level.level.add_(0.02)
    assert at_optimum < 0.05 * abs(gradient())


def test_the_noise_level_has_a_lower_bound() -> None:
    model = tiny_model("vae")
    with torch.no_grad():
        model.noise_level.level.fill_(-1000)
    assert model.noise_level().item() == pytest.approx(2 * math.log(PIXEL_STEP / 2))


def test_extreme_log_variances_give_finite_losses() -> None:
    model = tiny_model("vae", latent_dim=2)
    model.encoder = ConstantEncoder([0.0, 0.0], [500.0, -500.0])
    assert all(torch.isfinite(term) for term in model.negative_elbo(step_of(to_float(batch_of().images))).values())


# Verbs


@pytest.mark.parametrize("options", [{}, {"likelihood": "bernoulli", "binarize": "dynamic"}, {"network": "mlp"}])
def test_encode_returns_posterior_means_without_randomness(options: dict[str, object]) -> None:
    model = tiny_model("vae", **options).eval()
    pictures = simple_pictures(4)
    latents = iw.encode(model, pictures)
    assert torch.equal(latents, iw.encode(model, pictures))
    assert latents.shape == (4, 4)
    images = to_float(torch.from_numpy(pictures))
    inputs = images if not options.get("likelihood") else (images + 1) / 2
    with torch.inference_mode():
        torch.testing.assert_close(latents, model.encoder(inputs)[:, :4], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_decode_returns_mean_pictures_in_the_range_of_images(likelihood: str) -> None:
    model = tiny_model("vae", (2, 2), 1, likelihood=likelihood).eval()
    constant_decoder(model, torch.tensor([-50.0, 0.0, 1.0, 50.0]))
    middle = math.tanh(1.0) if likelihood == "gaussian" else 2 / (1 + math.exp(-1)) - 1
    decoded = model.decode(torch.zeros(1, 4)).flatten().tolist()
    assert decoded == pytest.approx([-1, 0, middle, 1])


def test_scores_depend_on_their_seed() -> None:
    model = tiny_model("vae").eval()
    pictures = simple_pictures(3)
    assert torch.equal(iw.score(model, pictures, samples=4, seed=1), iw.score(model, pictures, samples=4, seed=1))
    assert not torch.equal(iw.score(model, pictures, samples=4, seed=1), iw.score(model, pictures, samples=4, seed=2))


@pytest.mark.parametrize("options", [{}, {"likelihood": "bernoulli", "binarize": "threshold", "network": "mlp"}])
def test_a_trained_model_gives_its_pictures_higher_scores_than_noise(options: dict[str, object]) -> None:
    model = tiny_model("vae", (8, 8), 1, width=16, **options)
    engine = engine_of(model, learning_rate=1e-2)
    for index in range(60):
        engine.step({"images": batch_of(BATCH, (8, 8), 1, seed=index)}, index, index * BATCH)
    noise = np.random.default_rng(0).integers(0, 256, (8, 1, 8, 8), dtype=np.uint8)
    similar = iw.score(model, simple_pictures(8, (8, 8), 1, seed=999), samples=10)
    assert similar.mean() > iw.score(model, noise, samples=10).max()
