"""Interpolation: ends and lengths of spherical and linear paths, and errors."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import simple_pictures, tiny_model
from torch import Tensor

import imagewright as iw
from imagewright.errors import UserError
from imagewright.model import Model
from imagewright.verbs.paths import slerp


@pytest.fixture(scope="module")
def vae() -> Model:
    return tiny_model("vae").eval()


def apart(one: Tensor, other: Tensor) -> int:
    return int((one.int() - other.int()).abs().max())


@pytest.mark.parametrize("interpolation", ["spherical", "linear"])
@pytest.mark.parametrize(("seeds", "steps"), [((0, 1), 8), ((0, 1), 2), ((3, 1, 4, 1), 5)])
def test_a_path_has_its_ends_and_the_number_of_images_asked_for(
    vae: Model, interpolation: str, seeds: tuple[int, ...], steps: int
) -> None:
    images = iw.interpolate(vae, steps, ends=seeds, interpolation=interpolation)
    assert images.shape == ((len(seeds) - 1) * (steps - 1) + 1, 3, 16, 16)
    assert images.dtype == torch.uint8
    for leg, seed in enumerate(seeds):
        assert apart(images[leg * (steps - 1)], iw.sample(vae, 1, seed=seed)[0]) <= 1


def test_between_pictures(vae: Model) -> None:
    pictures = simple_pictures(3)
    images = iw.interpolate(vae, 4, images=pictures)
    assert images.shape[0] == 7
    rebuilt = iw.reconstruct(vae, pictures)
    for leg in range(3):
        assert apart(images[3 * leg], rebuilt[leg]) <= 1


def test_a_linear_path_has_the_mean_in_the_middle() -> None:
    pca = tiny_model("pca")
    pca.basis.copy_(torch.eye(4, pca.mean.numel()))
    pca.variances.fill_(0.01)
    pictures = simple_pictures(2)
    middle = iw.interpolate(pca, 3, images=pictures, interpolation="linear")[1]
    latents = iw.encode(pca, pictures).mean(0, keepdim=True)
    assert apart(middle, iw.decode(pca, latents)[0]) <= 1


@pytest.mark.parametrize("steps", [1, 0, -2])
def test_a_path_has_two_steps_or_more(vae: Model, steps: int) -> None:
    with pytest.raises(UserError, match=f"steps={steps}, but a path has two ends: give 2 or more"):
        iw.interpolate(vae, steps)


def test_one_end_is_too_few(vae: Model) -> None:
    with pytest.raises(UserError, match="needs two ends or more, and there is 1"):
        iw.interpolate(vae, 3, ends=(1,))
    with pytest.raises(UserError, match="needs two ends or more, and there is 1"):
        iw.interpolate(vae, 3, images=simple_pictures(1))


def test_models_that_cannot_encode_or_sample(vae: Model) -> None:
    with pytest.raises(UserError, match="dcgan cannot encode"):
        iw.interpolate(tiny_model("dcgan"), images=simple_pictures(2))
    with pytest.raises(UserError, match="autoencoder cannot sample"):
        iw.interpolate(tiny_model("autoencoder"))
    assert iw.interpolate(tiny_model("autoencoder"), 3, images=simple_pictures(2)).shape[0] == 3


# The great circle


def test_a_spherical_path_turns_evenly_and_keeps_the_length() -> None:
    start, end = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    for share in torch.linspace(0, 1, 7):
        angle = share.item() * math.pi / 2
        expected = torch.tensor([3 * math.cos(angle), 3 * math.sin(angle)])
        torch.testing.assert_close(slerp(start, end, share), expected, atol=1e-5, rtol=0)


def test_lengths_are_interpolated_linearly() -> None:
    start, end = torch.randn(50), 3 * torch.randn(50)
    for share in (0.0, 0.25, 0.9, 1.0):
        point = slerp(start, end, torch.tensor(share))
        expected = (1 - share) * start.norm() + share * end.norm()
        assert point.norm().item() == pytest.approx(expected.item(), rel=1e-3)


@pytest.mark.parametrize(
    ("start", "end"),
    [([1.0, 2.0], [2.0, 4.0]), ([1.0, 2.0], [-1.0, -2.0]), ([1.0, 2.0], [1.0, 2.0]), ([0.0, 0.0], [1.0, 2.0])],
)
def test_without_a_great_circle_the_path_is_straight(start: list[float], end: list[float]) -> None:
    one, other = torch.tensor(start), torch.tensor(end)
    for share in torch.linspace(0, 1, 5):
        torch.testing.assert_close(slerp(one, other, share), torch.lerp(one, other, share), atol=1e-5, rtol=0)
        torch.testing.assert_close(slerp(other, one, share), torch.lerp(other, one, share), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["cgan", "biggan"])
def test_labels_give_one_seed_or_each_its_own_class(name: str) -> None:
    model = tiny_model(name).eval()
    images = iw.interpolate(model, 4, ends=3, labels="one,other", interpolation="linear")
    assert torch.equal(images[[0]], iw.sample(model, 1, seed=3, label="one"))
    assert torch.equal(images[[-1]], iw.sample(model, 1, seed=3, label="other"))
    sheet = iw.interpolation_sheet(model, 4, ends=[3, "5:2"], labels=["one", "1"])
    assert sheet.row_labels == ["3:0:one to 5:2:other"]


@pytest.mark.parametrize(
    ("ends", "labels", "message"),
    [
        ([1, 2, 3], "one,other", "2 classes and 3 seeds"),
        (0, "one,onion", "no class 'onion'"),
        ("0:0:one", "one,other", r"'0:0:one' cannot be given a class"),
    ],
)
def test_labels_that_do_not_fit_are_refused(ends: object, labels: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        iw.interpolate(tiny_model("cgan").eval(), 4, ends=ends, labels=labels)


def test_labels_are_for_models_with_classes(vae: Model) -> None:
    with pytest.raises(UserError, match="vae is not conditioned on classes"):
        iw.interpolate(vae, 4, labels="one,other")
