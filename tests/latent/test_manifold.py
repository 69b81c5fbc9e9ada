"""A plane of the latent space: its quantiles, its pictures, and the encoded pictures on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from tiny import simple_pictures, tiny_model

import imagewright as iw
from imagewright.errors import UserError
from imagewright.latent.walks.plane_axes import Axis
from imagewright.model import Model


@pytest.fixture(scope="module")
def vae() -> Model:
    return tiny_model("vae", latent_dim=2).eval()


def test_values_are_quantiles_of_the_normal_prior(vae: Model) -> None:
    found = iw.manifold(vae, 5)
    expected = torch.from_numpy(stats.norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9])).float()
    square = found.latents.unflatten(0, (5, 5))
    for row in range(5):
        torch.testing.assert_close(square[row, :, 0], expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(square[:, row, 1], expected.flip(0), atol=1e-5, rtol=0)
    assert torch.equal(found.images, iw.decode(vae, found.latents))
    assert found.encoded is None


def test_a_uniform_code_has_even_steps() -> None:
    found = iw.manifold(tiny_model("infogan").eval(), 4, dimensions=["c2", "c3"])
    across = found.latents.unflatten(0, (4, 4))[0, :, found.axes[0].dimension]
    torch.testing.assert_close(across, torch.tensor([-0.75, -0.25, 0.25, 0.75]))
    category = found.latents[:, 8:11]
    assert torch.equal(category.sum(1), torch.ones(16))  # the category is one-hot
    assert set(category.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("uniform", [False, True])
def test_the_cdf_inverts_the_quantile(uniform: bool) -> None:
    axis = Axis(0, "latent 0", 2.0, 3.0, uniform)
    probabilities = torch.linspace(0.01, 0.99, 9)
    found = axis.cdf(axis.quantile(probabilities))
    torch.testing.assert_close(found, probabilities, atol=1e-5, rtol=0)


def test_encoded_pictures_are_placed_by_their_latents(vae: Model) -> None:
    pictures = iw.open_images(simple_pictures(20)).with_labels(np.arange(20) % 2, ("even", "odd"))
    found = iw.manifold(vae, 3, images=pictures)
    assert found.encoded is not None
    torch.testing.assert_close(found.encoded, iw.encode(vae, simple_pictures(20)), atol=1e-5, rtol=1e-4)
    some = iw.manifold(vae, 3, images=pictures, most=5)
    assert some.encoded is not None
    assert len(some.encoded) == 5


def test_a_model_without_prior_takes_the_deviations_of_pictures() -> None:
    model = tiny_model("autoencoder", latent_dim=2).eval()
    found = iw.manifold(model, 3, images=simple_pictures(20))
    latents = iw.encode(model, simple_pictures(20))
    deviations = latents.std(0) * stats.norm.ppf(5 / 6)
    torch.testing.assert_close(found.latents[2], latents.mean(0) + deviations.float(), atol=1e-5, rtol=1e-4)
    with pytest.raises(UserError, match="measured on pictures"):
        iw.manifold(model, 3)


def test_the_plane_shows_the_latents_that_change_the_picture_most() -> None:
    pca = tiny_model("pca")
    pca.basis.copy_(torch.eye(4, pca.mean.numel()))
    pca.variances.copy_(torch.tensor([0.01, 0.2, 0.05, 0.3]))
    found = iw.manifold(pca, 3)
    assert [axis.dimension for axis in found.axes] == [3, 1]
    assert "3 and 1 change the picture most" in found.notes[0]
    assert torch.equal(found.latents[:, [0, 2]], torch.zeros(9, 2))
    seeded = iw.manifold(pca, 3, dimensions=[0, 2], input=5)
    assert torch.equal(seeded.latents[4, [1, 3]], pca.sample_latents(1, _generator(5))[0, [1, 3]])


def pictures_along(*directions: list[float]) -> tuple[Model, np.ndarray]:
    """A linear model of four latents, which are four pixels, and pictures that vary along directions of them."""
    pca = tiny_model("pca")
    pca.basis.copy_(torch.eye(4, pca.mean.numel()))
    pca.mean.zero_()
    pca.variances.fill_(0.1)
    weights = np.random.default_rng(0).normal(0, 1, (60, len(directions))) * (0.4, 0.2)
    flat = np.zeros((60, pca.mean.numel()))
    flat[:, :4] = weights @ np.array(directions)
    shape = pca.config.image_shape
    return pca, ((flat.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8).reshape(60, *shape)


def test_the_plane_of_many_latents_goes_through_the_directions_in_which_pictures_vary_most() -> None:
    one, two = [0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5]
    pca, pictures = pictures_along(one, two)
    found = iw.manifold(pca, 5, images=pictures)
    assert [axis.dimension for axis in found.axes] == [None, None]
    assert "vary most" in found.notes[0]
    for axis, expected in zip(found.axes, (one, two), strict=True):
        assert axis.direction is not None
        assert abs(float(axis.direction @ torch.tensor(expected))) == pytest.approx(1, abs=0.01)
    encoded = iw.encode(pca, pictures)
    assert found.encoded is not None
    for number, axis in enumerate(found.axes):
        torch.testing.assert_close(found.encoded[:, number], axis.along(encoded))
    by_latents = iw.manifold(pca, 5, images=pictures, dimensions=[0, 1])
    assert deviation(found.images) > 1.2 * deviation(by_latents.images)


def deviation(images: torch.Tensor) -> float:
    return float((images.float() - images.float().mean(0)).square().mean().sqrt())


def test_a_plane_of_directions_keeps_the_input_beside_it_and_has_a_latent_at_each_point() -> None:
    pca, pictures = pictures_along([0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5])
    found = iw.manifold(pca, 5, images=pictures, input=5)
    beside = torch.eye(4) - sum(torch.outer(axis.direction, axis.direction) for axis in found.axes)
    given = pca.sample_latents(1, _generator(5))
    torch.testing.assert_close(found.latents @ beside, (given @ beside).expand(25, -1), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.latent_at(0.3, 0.9), found.latents[1:2], atol=1e-5, rtol=0)


def test_two_pictures_span_no_plane_of_directions() -> None:
    pca, pictures = pictures_along([0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5])
    found = iw.manifold(pca, 3, images=pictures[:2])
    assert all(axis.dimension is not None for axis in found.axes)


def _generator(seed: int) -> torch.Generator:
    from imagewright.seeds import derive_seed

    return torch.Generator().manual_seed(derive_seed(seed, "sample", 0))


def test_errors_of_dimensions_steps_and_models(vae: Model) -> None:
    for dimensions, message in (
        ([0, 7], "no latent 7: vae has 2"),
        ([1, 1], "two different latents"),
        ([0], "two different latents"),
        (["x", 0], "'x' is no latent: their numbers go from 0 to 1"),
    ):
        with pytest.raises(UserError, match=message):
            iw.manifold(vae, 3, dimensions=dimensions)
    with pytest.raises(UserError, match="steps=1"):
        iw.manifold(vae, 1)
    with pytest.raises(UserError, match="single latent"):
        iw.manifold(tiny_model("vae", latent_dim=1), 3)
    with pytest.raises(UserError, match="dcgan cannot encode"):
        iw.manifold(tiny_model("dcgan"), 3, images=simple_pictures(4))
    with pytest.raises(UserError, match="category 'c1'"):
        iw.manifold(tiny_model("infogan"), 3, dimensions=[0, 9])


def test_the_figure_is_written_with_its_record(vae: Model, tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(20)]
    pictures = iw.open_images(simple_pictures(40)).with_labels(np.arange(40) % 20, names)
    for name, images in (("alone.svg", None), ("both.png", pictures)):
        found = iw.manifold(vae, 4, images=images)
        found.write(tmp_path / name)
    record = iw.inspect(tmp_path / "both.png")["provenance"]
    assert record["verb"] == "latent grid"
    assert record["settings"]["latents"] == ["latent 0", "latent 1"]
    text = (tmp_path / "alone.svg").read_text()
    assert "encoded pictures" not in text


def test_the_latent_at_a_point_of_the_plane(vae: Model) -> None:
    found = iw.manifold(vae, 5)
    torch.testing.assert_close(found.latent_at(0.3, 0.9), found.latents[1:2], atol=1e-5, rtol=0)  # the first row is up
    assert torch.isfinite(found.latent_at(0, 1)).all()
    wide = iw.manifold(tiny_model("infogan").eval(), 4, dimensions=["c2", "c3"])
    torch.testing.assert_close(wide.latent_at(0.125, 0.875), wide.latents[:1])
