"""Spectral norm, conditional norm, merged resampling, self-attention, standing statistics: against the formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, interpolate, max_pool2d, relu

from imagewright.layers.biggan_deep import ROWS, StatisticsByTruncation
from imagewright.layers.conditional_norm import ConditionalNorm, normalise_and_rectify
from imagewright.layers.initialisation import initialise_orthogonal
from imagewright.layers.nearest_resampling import convolve_and_halve, double_and_convolve
from imagewright.layers.self_attention import SelfAttention
from imagewright.layers.spectral_norm import Evaluation, SpectralConvolution, SpectralEmbedding, SpectralLinear
from imagewright.layers.standing_statistics import compute_standing_statistics
from imagewright.memoryless import without_initialisation


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("evaluation", ["iterated", "stored"])
def test_after_many_passes_the_largest_singular_value_is_one(evaluation: Evaluation) -> None:
    layer = SpectralLinear(7, 5, eps=1e-6, evaluation=evaluation)
    for _ in range(200):
        layer.normalised_weight()
    layer.eval()
    values = torch.linalg.svdvals(layer.normalised_weight().detach())
    assert float(values[0]) == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(layer.normalised_weight() * torch.linalg.svdvals(layer.weight)[0], layer.weight)


def test_vectors_move_in_training_alone_and_carry_no_gradient() -> None:
    layer = SpectralConvolution(3, 4, 3, eps=1e-6, evaluation="iterated")
    before = layer.u.clone()
    layer.eval()
    layer(torch.randn(1, 3, 5, 5))
    assert torch.equal(layer.u, before)
    layer.train()
    weight = layer.normalised_weight()
    assert not torch.equal(layer.u, before)
    # Of v and u as constants: d (W / s) = (G - <G, W> / s * u v^T) / s.
    matrix = layer.weight.detach().permute(0, 2, 3, 1).flatten(1)
    v = nn.functional.normalize(before.flatten() @ matrix, dim=0)
    value = layer.u.flatten() @ matrix @ v
    gradient = torch.randn_like(weight)
    weight.backward(gradient)
    rows = gradient.permute(0, 2, 3, 1).flatten(1)
    expected = (rows - (rows * matrix).sum() / value * torch.outer(layer.u.flatten(), v)) / value
    torch.testing.assert_close(layer.weight.grad.permute(0, 2, 3, 1).flatten(1), expected, atol=1e-5, rtol=1e-4)


def test_an_embedding_of_weights_is_the_mean_of_those_of_classes() -> None:
    layer = SpectralEmbedding(4, 6, eps=1e-6, evaluation="iterated").eval()
    of_classes = layer(torch.tensor([1, 3]))
    mixed = layer(torch.tensor([[0, 0.25, 0, 0.75]]))
    torch.testing.assert_close(mixed[0], 0.25 * of_classes[0] + 0.75 * of_classes[1])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_merged_resampling_equals_its_two_steps(layout: torch.memory_format) -> None:
    weight, bias = torch.randn(5, 3, 3, 3, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    maps = torch.randn(2, 3, 4, 6, dtype=torch.float64).contiguous(memory_format=layout)
    doubled = conv2d(interpolate(maps, scale_factor=2), weight, bias, padding=1)
    torch.testing.assert_close(double_and_convolve(maps, weight, bias), doubled)
    halved = avg_pool2d(conv2d(maps, weight, bias, padding=1), 2)
    torch.testing.assert_close(convolve_and_halve(maps, weight, bias), halved)


def test_the_conditional_norm_and_its_gradients_equal_the_steps() -> None:
    norm, other = (nn.BatchNorm2d(3, affine=False) for _ in range(2))
    inputs = [torch.randn(4, 3, 5, 6) * 2 + 1, torch.randn(4, 3), torch.randn(4, 3)]
    upstream = torch.randn(4, 3, 5, 6)
    ours, plain = ([each.clone().requires_grad_() for each in inputs] for _ in range(2))
    result = normalise_and_rectify(*ours, norm)
    maps, gain, offset = plain
    expected = relu(other(maps) * gain[:, :, None, None] + offset[:, :, None, None])
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-4)
    result.backward(upstream)
    expected.backward(upstream)
    for one, two in zip(ours, plain, strict=True):
        torch.testing.assert_close(one.grad, two.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(norm.running_mean, other.running_mean)
    torch.testing.assert_close(norm.running_var, other.running_var)
    norm.eval(), other.eval()
    with torch.no_grad():
        evaluated = relu(other(maps) * gain[:, :, None, None] + offset[:, :, None, None])
        torch.testing.assert_close(normalise_and_rectify(maps, gain, offset, norm), evaluated, atol=1e-5, rtol=1e-4)


def test_a_condition_sets_gain_and_offset() -> None:
    norm = ConditionalNorm(2, nn.Linear(3, 2, bias=False), nn.Linear(3, 2, bias=False), 1e-5).eval()
    condition, maps = torch.randn(1, 3), torch.rand(1, 2, 2, 2)
    gain, offset = (each(condition)[..., None, None] for each in (norm.gain, norm.bias))
    expected = relu(maps / (1 + 1e-5) ** 0.5 * (1 + gain) + offset)
    torch.testing.assert_close(norm(maps, condition), expected)


def test_attention_starts_as_the_identity_and_equals_the_formula() -> None:
    layer = SelfAttention(16, lambda inputs, outputs: nn.Conv2d(inputs, outputs, 1, bias=False))
    maps = torch.randn(2, 16, 4, 6)
    assert torch.equal(layer(maps), maps)
    nn.init.constant_(layer.gamma, 0.5)
    theta = layer.theta(maps).flatten(2)
    phi, g = (max_pool2d(each(maps), 2).flatten(2) for each in (layer.phi, layer.g))
    weights = (theta.mT @ phi).softmax(-1)
    expected = maps + 0.5 * layer.o((g @ weights.mT).view(2, 8, 4, 6))
    torch.testing.assert_close(layer(maps), expected, atol=1e-5, rtol=1e-4)


def test_standing_statistics_are_means_over_batches_and_the_network_stays_in_evaluation() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout()).eval()
    batches = [torch.randn(8, 3, 2, 2) + number for number in range(4)]
    for _ in range(2):  # what was there before is forgotten
        compute_standing_statistics(network, 4, lambda number: network(batches[number]))
    norm = network[0]
    assert not any(module.training for module in network.modules())
    torch.testing.assert_close(norm.running_mean, torch.stack([each.mean((0, 2, 3)) for each in batches]).mean(0))
    variances = [each.transpose(0, 1).flatten(1).var(1) for each in batches]
    torch.testing.assert_close(norm.running_var, torch.stack(variances).mean(0))
    assert norm.momentum == 0.1


def test_statistics_of_a_truncation_weigh_rows_as_published() -> None:
    statistics = StatisticsByTruncation(2, 1e-4)
    statistics.running_mean.copy_(torch.arange(ROWS)[:, None].expand(-1, 2))
    assert statistics.at(0.4).running_mean[0] == 20
    assert statistics.at(1.0).running_mean[0] == 50
    assert float(statistics.at(0.435).running_mean[0]) == pytest.approx(0.75 * 21 + 0.25 * 22)
    statistics.set_rows([(torch.full((2,), float(value)), torch.ones(2)) for value in (0, 10, 0)])
    assert float(statistics.running_mean[25, 0]) == 10
    assert float(statistics.running_mean[10, 0]) == pytest.approx(4)


def test_orthogonal_weights_unless_they_are_about_to_be_loaded() -> None:
    layer, loaded = nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3)
    layer.apply(initialise_orthogonal)
    rows = layer.weight.flatten(1)
    torch.testing.assert_close(rows @ rows.t(), torch.eye(4), atol=1e-5, rtol=0)
    before = loaded.weight.clone()
    with without_initialisation():
        loaded.apply(initialise_orthogonal)
    assert torch.equal(loaded.weight, before)


def test_the_fused_norm_rounds_bf16_once() -> None:
    norm = nn.BatchNorm2d(3, affine=False)
    maps = torch.randn(4, 3, 8, 8)
    result = normalise_and_rectify(maps.bfloat16(), torch.ones(4, 3), torch.zeros(4, 3), norm)
    assert result.dtype == torch.bfloat16
    assert norm.running_mean is not None
    assert norm.running_mean.dtype == torch.float32
    expected = relu(batch_norm(maps.bfloat16().float(), None, None, training=True))
    torch.testing.assert_close(result.float(), expected, atol=2e-2, rtol=2e-2)
