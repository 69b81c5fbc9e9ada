"""Styles by layer and noise: mixing, edits and directions in some layers, truncation, and what noise changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import tiny_model, train_tiny
from torch import nn

import imagewright as iw
from imagewright.errors import UserError
from imagewright.latent.directions.directions import methods_of
from imagewright.latent.layers import layers_text, resolve_layers
from imagewright.model import Model
from imagewright.style_capabilities import count_layers, has_style_layers, layer_groups, takes_noise
from imagewright.verbs.apply import sample_latents
from imagewright.views import space_name


@pytest.fixture(scope="module")
def model() -> Model:
    """Untrained, of 6 layers, with noise that is seen."""
    made = tiny_model("stylegan2", augmentation="none").eval()
    for name, parameter in made.named_parameters():
        if name.endswith("noise_strength"):
            nn.init.constant_(parameter, 0.3)
    return made


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    return train_tiny("stylegan2", out=tmp_path_factory.mktemp("runs") / "styles", steps=1, augmentation="none")


@pytest.fixture(params=["stylegan", "stylegan2", "stylegan3"])
def each_system(request: pytest.FixtureRequest) -> Model:
    """Untrained, with styles that are seen in each layer, and noise if there is any."""
    options = {"grow_from": 16} if request.param == "stylegan" else {"augmentation": "none"}
    made = tiny_model(request.param, **options).eval()
    for layer in range(count_layers(made)):
        for affine in made.generator.synthesis.affines(layer):
            nn.init.normal_(affine.weight)
    for name, parameter in made.named_parameters():
        if name.endswith("noise_strength"):
            nn.init.constant_(parameter, 0.3)
    return made


# Layers


@pytest.mark.parametrize(
    ("typed", "layers"),
    [("4", [4]), (3, [3]), ("1-3", [1, 2, 3]), ("fine", [4, 5]), (("coarse", "3"), [0, 1, 3]), ("4,0-1", [0, 1, 4])],
)
def test_layers_are_named_by_number_range_and_group(model: Model, typed: object, layers: list[int]) -> None:
    assert resolve_layers(model, typed) == layers


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("6", r"no layer 6: stylegan2 has the layers 0 to 5 .*coarse 0-1, middle 2-3, fine 4-5"),
        ("3-1", "3-1 end before they begin: 1-3"),
        ("corse", "Did you mean 'coarse'"),
        ("", "No layer was named"),
    ],
)
def test_layers_that_cannot_be(model: Model, typed: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve_layers(model, typed)


def test_ranges_as_they_are_typed_and_groups_of_few_layers() -> None:
    assert layers_text([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"
    assert [len(group) for group in layer_groups(2).values()] == [1, 1, 0]


def test_the_style_of_a_layer_is_multiplied_by_its_weight_alone(each_system: Model) -> None:
    model = each_system
    styles = sample_latents(model.in_space("w+"), 1, seed=3)
    for layer in range(count_layers(model)):
        weight = model.style_weight(layer)
        affines = model.generator.synthesis.affines(layer)
        before = [affine.weight.detach().clone() for affine in affines]
        assert weight.shape == (sum(map(len, before)), 8)
        changed = styles.clone()
        changed[:, layer] += 1
        with torch.no_grad():
            assert not torch.allclose(model.synthesise(changed), model.synthesise(styles))
            for affine in affines:
                affine.weight.zero_()
            assert torch.equal(model.synthesise(changed), model.synthesise(styles))
            for affine, former in zip(affines, before, strict=True):
                affine.weight.copy_(former)


# Mixing


def test_chosen_layers_have_the_style_of_the_column(model: Model) -> None:
    mixed = iw.mix_styles(model, [0, 1], [2, 3, 4], "2-5")
    assert mixed.shape == (2, 3, 3, 16, 16)
    in_layers = model.in_space("w+")
    rows, columns = (torch.cat([sample_latents(in_layers, 1, seed=seed) for seed in seeds]) for seeds in ((0, 1), (4,)))
    expected = torch.cat([rows[1, :2], columns[0, 2:]])
    decoded = iw.decode(in_layers, expected[None])[0]
    assert (mixed[1, 2].int() - decoded.int()).abs().max() <= 1  # w is computed in a block, and rounds otherwise


def test_all_layers_of_a_column_are_the_column(each_system: Model) -> None:
    mixed = iw.mix_styles(each_system, [0], [1], ["coarse", "middle", "fine"])
    assert torch.equal(mixed[0], iw.sample(each_system, 1, seed=1))
    assert not torch.equal(iw.mix_styles(each_system, [0], [1], "coarse"), mixed)


def test_the_sheet_of_mixing_has_the_sources_at_its_edges(model: Model) -> None:
    sheet = iw.mixing_sheet(model.truncated(0.5), [0, 1], [0, 1, 2])
    cells = torch.as_tensor(sheet.images).unflatten(0, (3, 4))
    own = torch.cat([iw.sample(model.truncated(0.5), 1, seed=seed) for seed in range(3)])
    assert torch.equal(cells[0, 1:], own)
    assert torch.equal(cells[1:, 0], own[:2])
    assert torch.equal(cells[1, 1], own[0])
    assert len(sheet.results.images) == 6


# Edits and directions by layer


def test_an_edit_moves_chosen_layers_alone(run: iw.Run) -> None:
    model = iw.load(run, space="w")
    iw.directions(run, count=2, save={0: "one"}, model=model, force=True)
    edited = iw.edit(run, [0, 1], {"one": [0, 2]}, layers="coarse", model=model)
    assert edited.latents.shape == (2, 2, 6, 8)
    before, after = edited.latents[:, 0], edited.latents[:, 1]
    assert torch.equal(before[:, 2:], after[:, 2:])
    assert not torch.isclose(before[:, :2], after[:, :2]).all(-1).any()
    assert torch.equal(edited.images[:, 0], edited.reconstructions)
    whole = iw.edit(run, [0, 1], {"one": 2}, layers="0-5", model=model)
    assert torch.equal(whole.images, iw.edit(run, [0, 1], {"one": 2}, model=model).images)


def test_a_direction_of_one_style_moves_latents_of_a_style_for_each_layer(run: iw.Run) -> None:
    iw.directions(run, count=1, save={0: "shared"}, model=iw.load(run, space="w"), force=True)
    moves = {"shared": 1.5}
    in_each = iw.edit(run, [0], moves, model=iw.load(run, space="w+"))
    assert torch.equal(in_each.images, iw.edit(run, [0], moves, model=iw.load(run, space="w")).images)
    with pytest.raises(UserError, match="give --space w"):
        iw.edit(run, [0], moves)


@pytest.mark.parametrize("method", ["latents", "weights"])
def test_directions_of_chosen_layers(run: iw.Run, method: str) -> None:
    found = iw.directions(run, method, 2, layers=[2, 3], save={1: f"by_{method}"}, force=True)
    assert space_name(found.model) == "w+"
    assert found.directions.shape == (2, 6, 8)
    assert torch.allclose(found.directions.flatten(1).norm(dim=1), torch.ones(2), atol=1e-5)
    assert found.directions[:, [0, 1, 4, 5]].abs().max() == 0
    assert torch.equal(found.directions[:, 2], found.directions[:, 3])
    step = found.scales[0] * found.directions[0, 2]
    latents = sample_latents(iw.load(run, space="w"), 64)
    along = latents @ (step / step.norm())
    assert abs(float(step.norm()) / float(along.std()) - 1) < 0.3  # one deviation of w, in each layer
    assert found.sheet([0]).title.count("in layers 2-3") == 1
    assert iw.edit(run, [0], {f"by_{method}": 1.0}, model=iw.load(run, space="w+")).latents.shape == (1, 1, 6, 8)


def test_directions_by_weights_are_those_of_the_layers_that_are_named(model: Model) -> None:
    found = iw.directions(model, "weights", 1, layers=1)
    weight = model.style_weight(1).detach()
    gain = (weight @ found.directions[0, 1]).norm()
    assert torch.isclose(gain, torch.linalg.matrix_norm(weight, 2), rtol=1e-3)


def test_directions_say_in_which_space_they_are_found(model: Model) -> None:
    with pytest.raises(UserError, match=r"found in its space w: give --space w"):
        iw.directions(model)
    assert methods_of(model.in_space("w")) == ("latents", "weights")


# Truncation


def test_truncation_goes_from_the_image_to_the_average_one(model: Model) -> None:
    sheet = iw.truncation_sheet(model, [0, 1], (1, 0.5, 0))
    cells = torch.as_tensor(sheet.images).unflatten(0, (2, 3))
    assert torch.equal(cells[:, 0], torch.cat([iw.sample(model, 1, seed=seed) for seed in (0, 1)]))
    assert torch.equal(cells[0, 2], cells[1, 2])
    assert torch.equal(cells[0, 1], iw.sample(model.truncated(0.5), 1)[0])
    with pytest.raises(UserError, match=r"psi=3, but it must be from -2 to 2"):
        iw.truncation_sheet(model, [0], (1, 3))
    assert iw.sample_sheet(model.truncated(0.5), 2).title.endswith(": 2 samples, truncation 0.5, seed 0")
    assert "truncation" not in iw.sample_sheet(model, 2).title


# Noise


def test_the_mean_and_deviation_over_noise(model: Model) -> None:
    found = iw.vary_noise(model, [0, 5], 40, seed=2)
    latent = sample_latents(model, 1, seed=5).expand(1000, -1)
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(1000, 1, *shape, generator=generator) for shape in model.noise_shapes]
    with torch.no_grad():
        levels = (model.decode_with_noise(latent, noise) + 1) * 127.5
    assert 0.8 < float(found.deviation[1].mean() / levels.std(0).mean()) < 1.2
    assert float((found.mean[1] - levels.mean(0)).abs().mean()) < 4 * float(levels.std()) / 40**0.5
    assert found.variations.shape == (2, 4, 3, 16, 16)
    assert not torch.equal(found.variations[0, 0], found.variations[0, 1])
    assert torch.equal(found.mean, iw.vary_noise(model, [0, 5], 40, seed=2).mean)
    assert len(found.sheet().images) == 2 * 7


def test_the_models_own_noise_is_what_it_decodes_with(each_system: Model) -> None:
    model = each_system
    latents = sample_latents(model, 2)
    own = [buffer.expand(2, 1, -1, -1) for name, buffer in model.named_buffers() if name.endswith(".noise")]
    if not own:
        assert not takes_noise(model)
        return
    assert [tuple(each.shape[2:]) for each in own] == list(model.noise_shapes)
    with torch.no_grad():
        assert torch.equal(model.decode_with_noise(latents, own), model.decode(latents))
        view = model.in_space("w").truncated(0.4)
        styles = sample_latents(view, 2)
        assert torch.equal(view.decode_with_noise(styles, own), view.decode(styles))


def test_models_without_styles_and_noise_say_so(tmp_path: Path) -> None:
    plain = tiny_model("dcgan").eval()
    assert not has_style_layers(plain)
    assert not takes_noise(tiny_model("stylegan2", noise=False))
    for tool in (
        lambda: iw.mix_styles(plain),
        lambda: iw.directions(plain, layers=0),
        lambda: iw.edit(plain, [0], {"a": 1.0}, layers="fine"),
    ):
        with pytest.raises(UserError, match="dcgan has no layers that take a style each"):
            tool()
    with pytest.raises(UserError, match="dcgan has no truncation"):
        iw.truncation_sheet(plain)
    with pytest.raises(UserError, match="dcgan adds no noise in its layers"):
        iw.vary_noise(plain)
