"""Directions: the components of a linear model, planted axes, and held classes and codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import simple_pictures, tiny_model, train_tiny
from torch import Tensor

import imagewright as iw
from imagewright import catalogue
from imagewright.configs import Config
from imagewright.errors import RunError, UserError
from imagewright.images.float_stream import FloatStream
from imagewright.latent.directions.directions import methods_of
from imagewright.model import Model
from imagewright.verbs.apply import sample_latents


class Pixels(Model):
    """Latents are the pixels: it encodes and decodes, and has neither a prior nor a first layer."""

    def __init__(self) -> None:
        super().__init__(Config(size=(4, 4), channels=1))
        self.latent_shape = (16,)

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        return latents.unflatten(1, (1, 4, 4))


@pytest.fixture(scope="module")
def pca() -> Model:
    model = catalogue.model_class("pca")
    fitted = model(model.Config(size=(16, 16), channels=3, components=6))
    fitted.fit(FloatStream(iw.open_images(simple_pictures(64))))
    return fitted.eval()


def test_the_directions_of_pca_are_its_components(pca: Model) -> None:
    found = iw.directions(pca, "weights", 6)
    assert torch.allclose(found.directions.abs(), torch.eye(6), atol=1e-4)
    ratios = pca.explained_variance_ratio
    assert torch.allclose(found.explained, ratios / ratios.sum(), atol=1e-4)
    assert torch.allclose(found.scales, torch.ones(6), atol=0.05)  # of samples from N(0, 1)


def test_activations_of_a_linear_decoder_are_its_weights(pca: Model) -> None:
    activations, weights = (iw.directions(pca, method, 2) for method in ("activations", "weights"))
    assert torch.allclose(activations.explained, weights.explained, atol=0.02)
    cosines = (activations.directions @ weights.directions.T).abs()
    assert torch.allclose(cosines, torch.eye(2), atol=0.15)
    assert torch.allclose(activations.directions.norm(dim=1), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize("network", ["convolutional", "mlp"])
def test_the_first_weight_is_the_matrix_of_the_first_layer(network: str) -> None:
    model = tiny_model("vae", network=network).eval()
    for module in model.decoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(4.0)
    weight = model.first_weight()
    linear = model.decoder[0]
    expected = linear.weight if network == "mlp" else linear.weight / (4 + 1e-5) ** 0.5
    assert torch.allclose(weight, expected, atol=1e-6)
    latents = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    bias = linear.bias if network == "mlp" else 0
    assert torch.allclose(model.activations(latents), (latents @ weight.T + bias).relu(), atol=1e-5)


def test_weights_are_the_right_singular_vectors_of_a_generator() -> None:
    model = tiny_model("dcgan").eval()
    found = iw.directions(model, "weights", 3)
    expected = torch.linalg.svd(model.first_weight().double())
    cosines = (found.directions.double() * expected.Vh[:3]).sum(1).abs()
    assert torch.allclose(cosines, torch.ones(3, dtype=torch.float64), atol=1e-5)
    gains = expected.S.square()
    assert torch.allclose(found.explained.double(), gains[:3] / gains.sum(), atol=1e-5)


def test_method_latents_finds_the_axis_along_which_pictures_vary() -> None:
    generator = np.random.default_rng(0)
    pictures = np.full((200, 1, 4, 4), 100, np.float64) + generator.normal(0, 2, (200, 1, 4, 4))
    pictures[:, :, 1, 2] += generator.normal(0, 30, (200, 1))
    found = iw.directions(Pixels(), "latents", 2, images=pictures.clip(0, 255).astype(np.uint8))
    axis = torch.zeros(16)
    axis[6] = 1  # turned to the brighter side
    assert torch.allclose(found.directions[0], axis, atol=0.03)
    assert float(found.scales[0]) == pytest.approx(30 / 127.5, rel=0.15)
    assert float(found.explained[0]) > 0.9
    # Two deviations in one of sixteen pixels.
    assert float(found.changes[0]) == pytest.approx(2 * 127.5 * float(found.scales[0]) / 4, rel=0.1)
    assert found.notes == ()


def test_a_note_says_that_isotropic_latents_have_no_first_direction(pca: Model) -> None:
    found = iw.directions(pca, "latents", 3, images=simple_pictures(64))
    assert "order found is chance. Try --method activations or --method weights" in found.notes[0]


def test_method_latents_takes_samples_that_are_not_normal() -> None:
    """As in StyleGAN's w: there is no encoder, and the samples vary most along one axis."""
    model = tiny_model("dcgan").eval()
    normal = model.sample_latents
    model.sample_latents = lambda count, generator: normal(count, generator) * torch.tensor([5.0] + [0.1] * 7)
    assert methods_of(model) == ("activations", "latents", "weights")
    found = iw.directions(model, "latents", 2)
    assert torch.allclose(found.directions[0].abs(), torch.eye(8)[0], atol=0.01)
    assert float(found.scales[0]) == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize(("name", "noise"), [("cgan", 8), ("infogan", 8)])
@pytest.mark.parametrize("method", ["activations", "weights"])
def test_classes_and_codes_are_held(name: str, noise: int, method: str) -> None:
    model = tiny_model(name).eval()
    found = iw.directions(model, method, 4)
    assert not found.directions[:, noise:].any()
    assert torch.allclose(found.directions.norm(dim=1), torch.ones(4), atol=1e-5)
    assert (found.explained.diff() <= 1e-6).all()


def test_directions_are_reproducible_and_leave_the_model_unchanged() -> None:
    model = tiny_model("dcgan").train()
    first, second = (iw.directions(model, "activations", 3) for _ in range(2))
    assert torch.equal(first.directions, second.directions)
    assert model.training
    bases = torch.zeros(1, 8)
    assert torch.equal(first.move(bases, 1, 2.0)[0], 2.0 * first.scales[1] * first.directions[1])


def test_a_model_without_prior_needs_pictures() -> None:
    model = tiny_model("autoencoder").eval()
    with pytest.raises(UserError, match=r"no prior to sample.*--source SOURCE"):
        iw.directions(model)
    assert iw.directions(model, count=2, images=simple_pictures(16)).directions.shape == (2, 4)


def test_errors_name_the_methods_that_a_model_supports() -> None:
    assert methods_of(tiny_model("dcgan")) == ("activations", "weights")
    with pytest.raises(UserError, match=r"dcgan has no encoder, so method=latents.*supports: activations, weights"):
        iw.directions(tiny_model("dcgan"), "latents")
    with pytest.raises(UserError, match=r"does not expose its first layer.*supports: latents"):
        iw.directions(Pixels(), "weights")
    with pytest.raises(UserError, match="Did you mean 'weights'"):
        iw.directions(tiny_model("dcgan"), "weight")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="method=latents looks at encoded pictures"):
        iw.directions(tiny_model("vae"), "latents")
    assert len(iw.directions(tiny_model("vae").eval(), "weights").scales) == 4  # all of them
    with pytest.raises(UserError, match="count=9, but dcgan has 8 numbers"):
        iw.directions(tiny_model("dcgan"), count=9)
    with pytest.raises(UserError, match="logistic_regression cannot decode"):
        iw.directions(tiny_model("logistic_regression"))


def test_directions_are_saved_printed_and_shown(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run")
    found = iw.directions(run, "weights", 3, save={0: "slant", 2: "width"})
    assert [path.stem for path in found.saved] == ["slant", "width"]
    edited = iw.edit(run, [4], {"width": 1.5})
    assert torch.allclose(edited.latents[0], found.move(sample_latents(run, 1, 4), 2, 1.5))
    assert [line.split()[0] for line in found.lines()] == ["direction", "0", "1", "2"]
    assert json.loads(json.dumps(found.to_dict()))["method"] == "weights"
    sheet = found.sheet(inputs=(3, 5))
    assert len(sheet.row_labels or ()) == 6  # a row for each direction and input
    middle = torch.as_tensor(sheet.images).unflatten(0, (3, 2, 7))[:, :, 3]
    assert torch.equal(middle[1], torch.cat([iw.sample(run, 1, seed=seed) for seed in (3, 5)]))
    with pytest.raises(UserError, match="no direction 3"):
        iw.directions(run, "weights", 3, save={3: "far"})
    with pytest.raises(RunError, match="exists already"):
        iw.directions(run, "weights", 3, save={1: "slant"})


def test_too_few_or_equal_pictures() -> None:
    with pytest.raises(UserError, match="3 pictures have at most 2"):
        iw.directions(Pixels(), "latents", 3, images=np.zeros((3, 1, 4, 4), np.uint8))
    with pytest.raises(UserError, match="are all pictures equal"):
        iw.directions(Pixels(), "latents", 2, images=np.zeros((3, 1, 4, 4), np.uint8))
