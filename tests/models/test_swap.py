"""The swap model: its deformations, colours and losses against numbers by hand, and its three architectures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import BATCH, batch_of, batches_of, engine_of, fill_weights, simple_pictures, tiny_model

import imagewright as iw
from imagewright.faces.parts import BACKGROUND, EYES, FACE, MOUTH, draw_typical_parts
from imagewright.layers.colour_statistics import match_statistics
from imagewright.layers.face_deformation import draw_deformation, sample_at, soft_parts
from imagewright.losses.feature_distance import feature_distance
from imagewright.losses.structural_similarity import blur, structural_dissimilarity
from imagewright.metrics.pictures.structural_similarity import structural_similarity
from imagewright.phases import Draws
from imagewright.pretrained.efficientnet_lite import EfficientNetLite

ARCHITECTURES = ("df", "liae", "amp")


def draws(rows: int = 4, seed: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), rows, 0, rows)


def photos(count: int = 4, side: int = 32, seed: int = 0) -> torch.Tensor:
    """Smooth pictures (N, 3, H, W) in [0, 1]."""
    noise = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return blur(noise, 3.0).mul(3).sub(1).clamp(0, 1)


def faces_model(architecture: str) -> torch.nn.Module:
    model = tiny_model("swap", architecture=architecture)
    fill_weights(model)
    return model.eval()


# Losses and deformations


def test_structural_dissimilarity_is_the_metric_away_from_borders() -> None:
    one, other = photos(seed=1), photos(seed=2)
    assert structural_dissimilarity(one, one).abs().max() < 1e-5
    loss = structural_dissimilarity(one, other)[:, :, 5:-5, 5:-5].mean((1, 2, 3))
    metric = structural_similarity(one * 255, other * 255)
    assert torch.allclose(loss, (1 - metric.float()) / 2, atol=2e-3)


def test_a_blur_keeps_flat_maps_and_totals() -> None:
    assert torch.allclose(blur(torch.ones(1, 1, 16, 24), 2.0), torch.ones(1, 1, 16, 24))
    dot = torch.zeros(1, 1, 33, 33)
    dot[..., 16, 16] = 1
    assert blur(dot, 2.0).sum() == pytest.approx(1, abs=1e-5)


def test_unwarped_inputs_are_taken_where_targets_are() -> None:
    same = draw_deformation(draws(), (16, 24), unwarped=1.0)
    assert torch.equal(same.inputs, same.targets)
    moved = draw_deformation(draws(), (16, 24))
    assert (moved.inputs - moved.targets).abs().max() > 0.05
    still = draw_deformation(draws(), (16, 24), warp=0, geometry=0)
    pictures = torch.rand(4, 3, 16, 24)
    assert torch.allclose(sample_at(pictures, still.inputs), pictures, atol=1e-5)


def test_warps_leave_the_border_and_their_means_alone() -> None:
    moved = draw_deformation(draws(64), (32, 32), geometry=0)
    shift = moved.inputs - moved.targets
    assert shift[:, [0, -1]].abs().max() < 0.1 * shift.abs().max()
    assert shift.mean().abs() < 0.02


def test_deformations_are_of_the_rows_not_of_the_micro_batch() -> None:
    whole = draw_deformation(draws(4), (16, 16)).inputs
    part = draw_deformation(Draws(torch.Generator().manual_seed(0), 4, 2, 2), (16, 16)).inputs
    assert torch.equal(part, whole[2:])


def test_colours_get_the_statistics_of_the_other_picture_inside_the_masks() -> None:
    one, other = photos(seed=3) * 0.3 + 0.3, photos(seed=4) * 0.3 + 0.4
    mask = torch.zeros(4, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    moved = match_statistics(one, mask, other, mask)
    inside = (slice(None), slice(None), slice(8, 24), slice(8, 24))
    gap = (moved[inside].mean((2, 3)) - other[inside].mean((2, 3))).abs().max()
    before = (one[inside].mean((2, 3)) - other[inside].mean((2, 3))).abs().max()
    assert gap < 0.02 < before
    assert torch.allclose(match_statistics(one, mask, one, mask), one, atol=1e-3)


def test_pictures_without_parts_count_as_faces_as_a_whole() -> None:
    pictures = torch.zeros(2, 3, 8, 8)
    assert torch.equal(soft_parts(None, pictures, ((1, 2, 3), (2, 3)))[:, 0], torch.ones(2, 8, 8))
    parts = torch.zeros(2, 8, 8, dtype=torch.int64)
    parts[:, 2:6, 2:6], parts[:, 3, 3] = 1, 2
    face, features = soft_parts(parts, pictures, ((1, 2, 3), (2, 3))).unbind(1)
    assert (face.sum(), features.sum()) == (32, 2)


def test_parts_of_a_face_lie_where_a_face_has_them() -> None:
    parts = draw_typical_parts("face", 64)
    assert parts.dtype == np.uint8
    assert parts[32, 32] == FACE
    assert parts[0].max() == parts[:, 0].max() == BACKGROUND
    for part, rows in ((EYES, (14, 26)), (MOUTH, (36, 54))):
        found = np.flatnonzero((parts == part).any(1))
        assert rows[0] < found.min() < found.max() < rows[1], part


# Architectures


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_moves_every_weight(architecture: str) -> None:
    model = tiny_model("swap", architecture=architecture)
    fill_weights(model)
    engine = engine_of(model)
    before = {key: value.clone() for key, value in model.named_parameters()}
    engine.step(batches_of("swap"), 0, 0)
    assert [key for key, value in model.named_parameters() if torch.equal(value, before[key])] == []


def test_a_discriminator_joins_late_and_moves_what_it_should() -> None:
    model = tiny_model("swap", size=(32, 32), adversarial=0.1, sharpen_since=0.5, discriminator_width=2)
    fill_weights(model)
    engine = engine_of(model)
    batches = {feed: batch_of(size=(32, 32), seed=seed) for seed, feed in enumerate(("a", "b"))}
    before = {key: value.clone() for key, value in model.named_parameters()}
    engine.step(batches, 0, 0)
    assert {term.split("/")[0] for term in engine.losses()} == {"rebuild"}
    assert all(torch.equal(value, before[key]) for key, value in model.discriminator.named_parameters("discriminator"))
    engine.step(batches, 99, 792)  # of 800 images
    assert {"sharpen/adversarial", "discriminator/real", "discriminator/fake"} <= engine.losses().keys()
    assert [key for key, value in model.named_parameters() if torch.equal(value, before[key])] == []


def test_a_distance_by_maps_counts_late_and_its_network_stays_outside() -> None:
    model = tiny_model("swap", perceptual=1.0, sharpen_since=0.5)
    model.perceptual.hold(EfficientNetLite())
    assert not [key for key in model.state_dict() if key.startswith("perceptual")]
    engine = engine_of(model)
    engine.step(batches_of("swap"), 99, 792)  # of 800 images
    losses = engine.losses()
    assert losses["sharpen/perceptual"] > 0
    maps = [torch.rand(2, 3, 4, 4)]
    assert feature_distance(maps, [2 * maps[0]]).item() == pytest.approx(0, abs=1e-6)
    assert feature_distance([torch.tensor([[[[1.0]], [[0.0]]]])], [torch.tensor([[[[0.0]], [[3.0]]]])]).item() == 2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_swap_has_pictures_and_masks_of_the_size_that_was_given(architecture: str) -> None:
    model = faces_model(architecture)
    for size in ((16, 16), (40, 24)):
        images = torch.rand(3, 3, *size) * 2 - 1
        with torch.inference_mode():
            for to in (0, 1):
                pictures, masks = model.swap(images, to)
                assert pictures.shape == images.shape
                assert masks.shape == (3, 1, *size)
                assert pictures.abs().max() <= 1
                assert masks.min() >= 0
                assert masks.max() <= 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_strength_goes_from_the_persons_own_face_to_the_other(architecture: str) -> None:
    model = faces_model(architecture)
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    with torch.inference_mode():
        rebuilt = model.swap(images, 1, own=1)[0]
        assert torch.allclose(model.swap(images, 0, 0.0)[0], rebuilt, atol=1e-5)
        assert not torch.allclose(model.swap(images, 0, 1.0)[0], rebuilt, atol=1e-3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_mask_of_a_swap_is_what_both_people_have(architecture: str) -> None:
    model = faces_model(architecture)
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    with torch.inference_mode():
        swapped = model.swap(images, 0)[1]
        one, other = model.swap(images, 0, own=0)[1], model.swap(images, 1, own=1)[1]
    assert torch.allclose(swapped, one * other, atol=1e-5)


def test_bf16_differs_little_from_fp32() -> None:
    losses = []
    for precision in ("fp32", "bf16"):
        model = tiny_model("swap")
        engine = engine_of(model, precision=precision)
        engine.step(batches_of("swap", count=BATCH), 0, 0)
        losses.append(engine.losses())
    for term, value in losses[0].items():
        assert losses[1][term] == pytest.approx(value, rel=0.02), term


def test_presets_decide_what_is_not_given() -> None:
    config_class = type(tiny_model("swap").config)
    small = config_class(size=(96, 96), channels=3, preset="small")
    assert small.widths.decoder == [64, 32]
    assert config_class(size=(96, 96), channels=3, preset="small", decoder_width=4).widths.decoder == [32, 16]
    classic = config_class(size=(128, 128), channels=3)
    assert (classic.widths.encoder, classic.widths.decoder) == (64, [512, 256, 128])


def test_plain_pictures_are_swapped_in_python(tmp_path: object) -> None:
    sets = {"a": iw.open_images(simple_pictures(12)), "b": iw.open_images(simple_pictures(12, seed=5))}
    run = iw.train(
        "swap", sets, out=f"{tmp_path}/run", images_seen=8, batch_size=4, preset="small", code=8, consent="self"
    )
    assert iw.translate(run, simple_pictures(2), to="a").shape == (2, 3, 16, 16)


@pytest.mark.learning
def test_a_swap_keeps_the_place_and_takes_the_colours_of_the_other_set(tmp_path: Path) -> None:
    grey = [simple_pictures(64, (32, 32), seed=seed).mean(1, keepdims=True) for seed in (0, 1)]
    tints = np.array([[1.0, 0.8, 0.5], [0.5, 0.8, 1.0]])[..., None, None]
    warm, cold = ((each * tint).astype(np.uint8) for each, tint in zip(grey, tints, strict=True))
    run = iw.train(
        "swap",
        {"a": iw.open_images(warm), "b": iw.open_images(cold)},
        out=tmp_path / "run",
        images_seen=6_400,
        batch_size=8,
        preset="small",
        encoder_width=8,
        code=64,
        inner_width=16,
        decoder_width=2,
        colour_transfer=0,
        precision="fp32",
        consent="self",
    )
    swapped = iw.translate(run, cold[:16], to="a").float()
    bright = torch.from_numpy(cold[:16, 1] > 100)
    assert swapped[:, 0][bright].mean() > swapped[:, 2][bright].mean() + 30, "the colour of the other set"
    assert swapped[:, 0][bright].mean() > swapped[:, 0][~bright].mean() + 60, "in its place"
