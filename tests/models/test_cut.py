"""CUT: the contrast of patches against closed forms, its layers, both variants, and published files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tiny import BATCH, batches_of, fill_weights, tiny_model, train_tiny
from torch.nn.functional import conv2d, pad

import imagewright as iw
from imagewright.checkpoints import import_checkpoint, load_network
from imagewright.errors import RunError, UserError
from imagewright.layers.blur import BlurredDoubling, BlurredHalving
from imagewright.layers.patch_discriminator import PatchDiscriminator
from imagewright.layers.residual import ResidualGenerator
from imagewright.layers.unet import UNetGenerator
from imagewright.losses.contrastive import patch_contrast
from imagewright.model import Model
from imagewright.phases import Draws, Step
from imagewright.training.engine import as_rows


def step_of(seed: int = 0) -> Step:
    a, b = (as_rows(batch) for batch in batches_of("cut", seed=1).values())
    draws = Draws(torch.Generator().manual_seed(seed), BATCH, 0, BATCH)
    return Step(**vars(a), index=0, images_seen=0, draws=draws, feeds={"b": b})


# The loss


@pytest.mark.parametrize("patches", [2, 5])
def test_the_contrast_of_equal_patches_is_the_logarithm_of_their_number(patches: int) -> None:
    same = torch.ones(3, patches, 4)
    assert patch_contrast(same, 2 * same).item() == pytest.approx(math.log(patches), rel=1e-5)


def test_the_contrast_of_orthogonal_patches_in_closed_form() -> None:
    patches, temperature = 4, 0.5
    keys = torch.eye(patches)[None]
    found = patch_contrast(3 * keys, keys, temperature)  # cosines 1 with the own key and 0 with the others
    assert found.item() == pytest.approx(math.log(1 + (patches - 1) * math.exp(-1 / temperature)), rel=1e-5)
    turned = patch_contrast(keys.roll(1, 1), keys, temperature)  # 1 with another key
    assert turned.item() == pytest.approx(found.item() + 1 / temperature, rel=1e-5)


def test_other_images_are_no_negatives_and_keys_get_no_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(3, 5, 4, generator=generator, requires_grad=True) for _ in range(2))
    whole = patch_contrast(queries, keys)
    alone = torch.stack([patch_contrast(q[None], k[None]) for q, k in zip(queries, keys, strict=True)])
    torch.testing.assert_close(whole, alone.mean())
    whole.backward()
    assert keys.grad is None
    assert queries.grad is not None


# Layers


def test_blurred_changes_of_size_keep_constants_and_shapes() -> None:
    maps = torch.full((2, 3, 6, 8), 1.5)
    torch.testing.assert_close(BlurredHalving(3)(maps), torch.full((2, 3, 3, 4), 1.5))
    torch.testing.assert_close(BlurredDoubling(3)(maps), torch.full((2, 3, 12, 16), 1.5))
    assert BlurredHalving(3)(torch.zeros(1, 3, 5, 7)).shape == (1, 3, 3, 4)


def test_blurred_changes_of_size_are_weighted_means_of_neighbours() -> None:
    line = torch.tensor([0.0, 1.0, 5.0, 2.0, 7.0, 3.0])
    maps = line.expand(1, 1, 6, 6)  # equal rows
    padded = torch.tensor([1.0, 0, 1, 5, 2, 7, 3, 7])  # reflected
    halved = torch.stack([(padded[i] + 2 * padded[i + 1] + padded[i + 2]) / 4 for i in (0, 2, 4)])
    torch.testing.assert_close(BlurredHalving(1)(maps)[0, 0, 1], halved)
    doubled = BlurredDoubling(1)(maps)[0, 0, 4]
    torch.testing.assert_close(doubled[2], 0.75 * line[1] + 0.25 * line[0])
    torch.testing.assert_close(doubled[3], 0.75 * line[1] + 0.25 * line[2])
    torch.testing.assert_close(doubled[0], line[0])  # beyond the edge, the edge is repeated


@pytest.mark.parametrize("blurred", [True, False])
def test_features_are_of_the_image_the_halvings_and_two_blocks(blurred: bool) -> None:
    network = ResidualGenerator(3, 3, width=4, blocks=6, blurred=blurred)
    images = torch.rand(2, 3, 16, 16)
    made, found = network.with_features(images)
    torch.testing.assert_close(made, network(images))
    assert [maps.shape[1] for maps in found] == list(network.feature_channels) == [3, 8, 16, 16, 16]
    sides = [22, 16, 8, 4, 4] if blurred else [22, 8, 4, 4, 4]
    assert [maps.shape[2] for maps in found] == sides
    torch.testing.assert_close(found[0], pad(images, (3, 3, 3, 3), "reflect"))
    places = network.feature_places
    assert places == ((0, 4, 8, 12, 16) if blurred else (0, 4, 7, 10, 14))  # blurred: the published numbers
    torch.testing.assert_close(network.model[: places[1] + 1](images), found[1])


@torch.no_grad()
def test_the_generator_moves_with_its_image_better_if_blurred() -> None:
    torch.manual_seed(0)
    images = conv2d(torch.randn(1, 1, 40, 40), torch.ones(1, 1, 3, 3) / 9).expand(-1, 3, -1, -1)
    errors = []
    for blurred in (True, False):
        network = ResidualGenerator(3, 3, width=8, blocks=1, blurred=blurred)
        fill_weights(network)
        one, other = network(images[..., :32]), network(images[..., 1:33])
        errors.append(float((one[..., 9:25] - other[..., 8:24]).abs().mean()))
    assert errors[0] < errors[1]


# The model


def test_cut_has_an_identity_contrast_and_fastcut_has_none() -> None:
    step = step_of()
    cut, fast = (tiny_model("cut", variant=variant).phases()[0] for variant in ("cut", "fastcut"))
    assert [set(part) for part in cut.parts(step)] == [{"adversarial", "contrast"}, {"identity"}]
    assert [set(part) for part in fast.parts(step)] == [{"adversarial", "contrast"}]


def contrast_of(model: Model) -> float:
    fill_weights(model)
    return model.phases()[0].terms(step_of())["contrast"].item()


def test_the_weight_of_the_contrast_is_1_halved_with_identity_and_10_for_fastcut() -> None:
    one, double = contrast_of(tiny_model("cut")), contrast_of(tiny_model("cut", contrast=2))
    assert double == pytest.approx(2 * one, rel=1e-5)
    fast, weighed = (
        contrast_of(tiny_model("cut", variant="fastcut")),
        contrast_of(tiny_model("cut", variant="fastcut", contrast=1)),
    )
    assert fast == pytest.approx(10 * weighed, rel=1e-5)


def test_an_untrained_contrast_is_near_chance() -> None:
    model = tiny_model("cut", patches=16)
    found = model.phases()[0].terms(step_of())
    # Half the weight times the mean over five layers; with random projections patches differ little.
    assert 0 < found["contrast"].item() < 3 * math.log(16)


def test_a_generator_that_copies_has_less_contrast_than_one_that_mixes_places() -> None:
    model = tiny_model("cut")
    fill_weights(model)
    step, real = step_of(), model.generator.with_features

    def copying(images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return images, real(images)[1]

    def mixing(images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return images.roll((5, 5), (2, 3)), real(images)[1]

    found = []
    for translate in (copying, mixing):
        model.generator.with_features = translate
        found.append(model.phases()[0].terms(step)["contrast"].item())
    assert found[0] < found[1]


def test_it_translates_to_the_second_set_alone(tmp_path: Path) -> None:
    run = train_tiny("cut", out=tmp_path / "run", steps=2)
    (domain,) = iw.load(run).domains
    picture = torch.zeros(1, 3, 18, 23, dtype=torch.uint8)
    assert iw.translate(run, picture, to=domain).shape == picture.shape
    assert iw.translate(run, picture).shape == picture.shape
    with pytest.raises(UserError, match="nowhere"):
        iw.translate(run, picture, to="nowhere")


# Published files


@pytest.mark.parametrize("blurred", [True, False])
@pytest.mark.parametrize(("channels", "width", "blocks"), [(3, 6, 9), (1, 5, 2)])
def test_published_files_are_read_whatever_their_widths(
    blurred: bool, channels: int, width: int, blocks: int, tmp_path: Path
) -> None:
    network = ResidualGenerator(channels, channels, width=width, blocks=blocks, blurred=blurred)
    fill_weights(network)
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    assert ("module.model.7.filt" in state) == blurred
    images = torch.rand(1, channels, 16, 16)
    loaded = load_network("cut", "generator", state)
    torch.testing.assert_close(loaded(image=images), network(images))
    torch.save(state, tmp_path / "latest_net_G.pth")
    import_checkpoint(tmp_path / "latest_net_G.pth", "cut", tmp_path / "run")
    assert iw.translate(tmp_path / "run", torch.zeros(1, channels, 16, 20, dtype=torch.uint8)).shape[-1] == 20


@pytest.mark.parametrize("blurred", [True, False])
def test_published_discriminators_are_read(blurred: bool) -> None:
    network = PatchDiscriminator(3, width=5, layers=2, norm="instance", blurred=blurred)
    state = dict(network.state_dict())
    assert ("model.2.filt" in state) == blurred
    images = torch.rand(1, 3, 32, 32)
    loaded = load_network("cut", "discriminator", state)
    torch.testing.assert_close(loaded(image=images)["prediction"], network(images))


def test_a_u_net_is_no_generator_of_cut(tmp_path: Path) -> None:
    torch.save(UNetGenerator(3, 3, width=4, depth=3).state_dict(), tmp_path / "net.pth")
    with pytest.raises(RunError, match="pix2pix"):
        import_checkpoint(tmp_path / "net.pth", "cut", tmp_path / "run")
