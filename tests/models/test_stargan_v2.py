"""StarGAN v2: the losses worked out by hand, averages, the falling diversity, styles of domains, landmark masks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import simple_pictures, train_tiny
from torch import nn

import imagewright as iw
from imagewright.errors import UserError
from imagewright.layers.face_landmarks import face_masks
from imagewright.layers.style_residual import HighPass
from imagewright.models.translation.stargan_v2 import StarGANv2, StarGANv2Config
from imagewright.phases import Draws, Rows, Step


def build(**options: Any) -> StarGANv2:
    torch.manual_seed(0)
    usual = {"size": (16, 16), "channels": 3, "class_names": ("cat", "dog")}
    return StarGANv2(StarGANv2Config(**(usual | StarGANv2Config.tiny_options | options)))


def step() -> Step:
    images = torch.from_numpy(simple_pictures(12)) / 127.5 - 1
    references = Rows(images=images[4:], labels=torch.tensor([0, 0, 1, 1, 1, 1, 0, 0]))
    draws = Draws(torch.Generator().manual_seed(0), 4, 0, 4)
    labels = torch.tensor([0, 1, 0, 1])
    return Step(images=images[:4], labels=labels, index=0, images_seen=0, draws=draws, feeds={"references": references})


def silence(network: nn.Module) -> None:
    for parameter in network.parameters():
        nn.init.zeros_(parameter)


def test_the_losses_of_a_discriminator_that_says_nothing() -> None:
    model = build()
    silence(model.discriminator)
    for loss in (model.latent_discriminator_loss, model.reference_discriminator_loss):
        found = {name: term.item() for name, term in loss(step()).items()}
        assert found == pytest.approx({"real": math.log(2), "fake": math.log(2), "penalty": 0})
    for loss in (model.latent_generator_loss, model.reference_generator_loss):
        assert loss(step())["adversarial"].item() == pytest.approx(math.log(2))


def test_a_generator_without_styles_has_no_diversity_and_one_with_them_is_rewarded() -> None:
    model = build(diversity=2.0)
    assert model.latent_generator_loss(step())["diversity"].item() < 0
    for block in model.generator.decode:
        silence(block.norm1)
        silence(block.norm2)
    assert model.latent_generator_loss(step())["diversity"].item() == pytest.approx(0, abs=1e-5)  # rounding


def test_the_diversity_falls_to_nothing_over_the_training() -> None:
    model = build(diversity=2.0)
    weights = []
    for seen in (0, 200_000, 400_000, 800_000, 900_000):
        model.advance(seen)
        weights.append(float(model.diversity))
    assert weights == pytest.approx([2, 1.5, 1, 0, 0])


def test_styles_are_of_their_domain_and_reference() -> None:
    model = build().eval()
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    cat, dog = (model.sample_styles(2, place, generator) for place, generator in enumerate(generators))
    assert cat.shape == (2, *model.style_shape)
    assert not torch.equal(cat, dog)
    references = torch.from_numpy(simple_pictures(3)) / 127.5 - 1
    one, other = (model.encode_styles(references, place) for place in range(2))
    assert not torch.equal(one, other)
    torch.testing.assert_close(model.encode_styles(references[[2]], 0), one[[2]])


def test_the_verbs_use_averages_of_three_networks(tmp_path: Path) -> None:
    run = train_tiny("stargan_v2", out=tmp_path / "run", steps=3)
    from imagewright.runs.weights import read_tensors

    last = run.checkpoints()[-1]
    ours, state = read_tensors(last.weights)[0], read_tensors(last.state)[0]
    for network in StarGANv2.averaged:
        trained = [key for key in state if f"{network}." in key and not key.startswith("optimizer.")]
        assert trained, network
        assert any(not torch.equal(ours[key.partition(".")[2]], state[key]) for key in trained)
    pictures = simple_pictures(2)
    assert iw.translate(run, pictures, to="one", like=pictures[:1]).shape == pictures.shape


def test_the_high_pass_skip_needs_the_landmark_network(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--landmarks --from RUN; or leave --high-pass out"):
        train_tiny("stargan_v2", out=tmp_path / "run", high_pass=1.0)
    with pytest.raises(ValueError, match="RGB pictures alone"):
        build(channels=1, landmarks=True)


def test_masks_show_the_face_and_leave_the_mouth_to_the_first() -> None:
    heatmaps = torch.zeros(1, 98, 64, 64)
    heatmaps[0, 79, 40, 30] = 1.0  # the upper lip
    heatmaps[0, 52, 20, 30] = 1.0  # the nose
    whole, inner = face_masks(heatmaps)
    assert whole.shape == inner.shape == (1, 1, 256, 256)
    assert float(whole.max()) == pytest.approx(1, abs=1e-4)
    rows = [int(part.amax(3).flatten().argmax()) for part in (whole[:, :, 120:], whole[:, :, :120])]
    # Content moves up for positive numbers: the lip by -8 rows, the nose by 4, of 4 times the rows of the heat map.
    assert abs(rows[0] + 120 - (40 * 255 / 63 + 8)) <= 1
    assert abs(rows[1] - (20 * 255 / 63 - 4)) <= 1
    assert float(inner[:, :, 120:].max()) == 0
    torch.testing.assert_close(inner[:, :, :120], whole[:, :, :120])


def test_the_high_pass_of_a_flat_map_is_nothing_inside() -> None:
    maps = torch.full((1, 2, 6, 6), 3.0)
    assert not HighPass(0.5)(maps)[:, :, 1:-1, 1:-1].any()
    maps[0, 1, 3, 3] += 1
    assert float(HighPass(0.5)(maps)[0, 1, 3, 3]) == 16
    assert not HighPass(0.5)(maps)[0, 0, 1:-1, 1:-1].any()


def test_sizes_that_cannot_be_are_refused_with_the_nearest() -> None:
    for size in ((64, 72), (48, 64), (16, 20), (128, 160)):
        assert StarGANv2Config.nearest_size(*size) == size
        assert build(size=size).generator(torch.zeros(1, 3, *size), torch.zeros(1, 4)).shape == (1, 3, *size)
    assert StarGANv2Config.nearest_size(63, 63) == (64, 64)
    assert StarGANv2Config.nearest_size(3, 9) == (16, 16)
    with pytest.raises(ValueError, match="Nearest: --size 64x72"):
        build(size=(70, 66))
