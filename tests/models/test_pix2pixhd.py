"""pix2pixHD: its losses, label and instance maps, features of instances, stages, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import (
    BATCH,
    Messages,
    engine_of,
    final_bytes,
    layered_images,
    simple_pictures,
    tiny_model,
    tiny_options,
    train_tiny,
)
from torch import Tensor

import imagewright as iw
from imagewright import configs
from imagewright.capabilities import Target
from imagewright.checkpoints import export_state, find_adapter
from imagewright.errors import ConfigError, UserError
from imagewright.layers.class_features import ClassFeatures
from imagewright.layers.instances import instance_edges, mean_over_instances
from imagewright.layers.local_enhancer import LocalEnhancer
from imagewright.layers.multiscale_patches import MultiscalePatchDiscriminator
from imagewright.layers.residual import ResidualGenerator
from imagewright.model import Model
from imagewright.models.translation.pix2pixhd import Pix2PixHD, Pix2PixHDConfig
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float
from imagewright.traits import Traits
from imagewright.translation_capabilities import has_styles

CLASSES = 3


def maps_model(**options: Any) -> Model:
    """A tiny model of label and instance maps, in evaluation mode."""
    torch.manual_seed(0)
    layers = {"input": CLASSES, "instances": 1, "target": 3}
    kinds = {"input": "labels", "instances": "ids"}
    values = {"size": (16, 16), "channels": 3, "layer_channels": layers, "layer_kinds": kinds}
    return Pix2PixHD(configs.build(Pix2PixHDConfig, values | tiny_options("pix2pixhd") | options, "pix2pixhd")).eval()


def map_images(count: int = 32) -> iw.Images:
    """Label maps of three classes, instance maps, and pictures."""
    pictures = simple_pictures(count)
    bright = pictures.max(1, keepdims=True) > 100
    labels, ids = np.where(bright, 2, 0).astype(np.uint8), np.where(bright, 9, 1).astype(np.uint8)
    kinds = {"input": f"labels:{CLASSES}", "instances": "ids"}
    return iw.open_images({"input": labels, "instances": ids, "target": pictures}, kinds=kinds)


def step_of(layers: dict[str, Tensor]) -> Step:
    count = len(layers["target"])
    draws = Draws(torch.Generator().manual_seed(0), count, 0, count)
    return Step(images=layers["target"], layers=layers, index=0, images_seen=0, draws=draws)


def map_layers(count: int = 2) -> dict[str, Tensor]:
    batch = map_images(count).batch(np.arange(count))
    return {name: each if each.dim() == 3 else to_float(each) for name, each in batch.layers.items()}


# Layers


def test_edges_are_where_a_neighbour_is_of_another_instance() -> None:
    ids = torch.tensor([[[7, 7, 7, 7], [7, 7, 9, 7], [7, 7, 7, 7], [7, 7, 7, 7]]])
    expected = torch.tensor([[0, 0, 1, 0], [0, 1, 1, 1], [0, 0, 1, 0], [0, 0, 0, 0]]).bool()
    assert torch.equal(instance_edges(ids)[0], expected)


def test_means_are_of_an_instance_in_its_own_image_alone() -> None:
    maps = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]], [[[2.0, 4.0], [6.0, 8.0]]]])
    ids = torch.tensor([[[300, 300], [2, 2]], [[300, 2], [300, 2]]])
    means = mean_over_instances(maps, ids)
    assert torch.equal(means[0, 0], torch.tensor([[2.0, 2.0], [6.0, 6.0]]))
    assert torch.equal(means[1, 0], torch.tensor([[4.0, 6.0], [4.0, 6.0]]))


def test_means_of_large_instances_are_right_in_half_precision() -> None:
    maps = torch.full((1, 2, 64, 64), 0.5, dtype=torch.bfloat16)
    ids = torch.zeros(1, 64, 64, dtype=torch.int64).index_fill(2, torch.tensor([3]), 70_000)
    means = mean_over_instances(maps, ids)
    assert means.dtype == torch.bfloat16
    assert torch.equal(means, maps)


def test_the_enhancer_adds_its_maps_to_those_of_half_the_size() -> None:
    network = LocalEnhancer(2, 3, width=4, downsamplings=1, blocks=1, enhancers=1, enhancer_blocks=1)
    images = torch.randn(1, 2, 16, 16)
    small = torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False)(images)
    expected = network.model1_2(network.model1_1(images) + network.model(small))
    torch.testing.assert_close(network(images), expected)
    assert network.model(small).shape == (1, 8, 8, 8)


@pytest.mark.parametrize("size", [(8, 8), (17, 9)])
def test_discriminators_judge_each_scale_at_any_size(size: tuple[int, int]) -> None:
    images = torch.randn(2, 3, *size)
    network = MultiscalePatchDiscriminator(3, width=4, layers=2, scales=3)
    found = network(images)
    assert [len(maps) for maps in found] == [4, 4, 4]
    smallest = torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False)(images)
    torch.testing.assert_close(network.scale1_layer0(smallest), found[1][0])
    alone = MultiscalePatchDiscriminator(3, width=4, layers=2, scales=3, features=False)
    assert [len(maps) for maps in alone(images)] == [1, 1, 1]


# Losses


def test_the_losses_are_those_of_the_paper() -> None:
    model = maps_model(discriminator_layers=2, scales=2).train()
    step = step_of(map_layers())
    generator, discriminator = model.phases()
    found = generator.loss(step)
    given, fake, real = step.shared["given"], step.shared["fake"], step.layers["target"]
    judged = model.discriminators(torch.cat([given, fake], 1))
    wanted = model.discriminators(torch.cat([given, real], 1))
    adversarial = sum((maps[-1] - 1).square().mean() for maps in judged)
    matching = sum(
        (a - b).abs().mean() for x, y in zip(judged, wanted, strict=True) for a, b in zip(x[:3], y[:3], strict=True)
    )
    torch.testing.assert_close(found["adversarial"], adversarial)
    torch.testing.assert_close(found["matching"], 10 * 4 / 3 / 2 * matching)
    assert set(found) == {"adversarial", "matching"}
    judgement = discriminator.loss(step)
    torch.testing.assert_close(judgement["real"], 0.5 * sum((maps[-1] - 1).square().mean() for maps in wanted))
    torch.testing.assert_close(judgement["fake"], 0.5 * sum(maps[-1].square().mean() for maps in judged))


def test_the_published_defaults() -> None:
    layers = {"input": 35, "instances": 1, "target": 3}
    values = {"size": (512, 1024), "channels": 3, "layer_channels": layers}
    config = Pix2PixHDConfig(**values, layer_kinds={"input": "labels", "instances": "ids"})
    assert (config.given_channels, config.halvings, config.blocks, config.width) == (36, 4, 9, 64)
    with torch.device("meta"):
        model = Pix2PixHD(config)
    assert model.generator.model[1].weight.shape == (64, 36, 7, 7)
    assert model.discriminators.scale0_layer0[0].weight.shape == (64, 39, 4, 4)
    assert sum(each.numel() for each in model.generator.parameters()) == 182_546_755
    recipe = model.recipe()
    assert (recipe.batch_size, recipe.optimizer.learning_rate, recipe.optimizer.betas) == (1, 2e-4, (0.5, 0.999))
    assert (recipe.load_ratio, recipe.flip) == (1.0, True)  # scaled to the width, and not cropped


def test_all_networks_move_and_biases_start_as_published() -> None:
    model = maps_model(features=2, enhancer_alone=0.0).train()
    assert model.generator.model[1].bias.detach().abs().max() > 0
    assert model.generator.model[1].weight.std() < 0.03
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    engine = engine_of(model)
    engine.step({"images": map_images().batch(np.arange(BATCH))}, 0, 0)
    assert all(math.isfinite(value) for value in engine.losses().values())
    assert all(not torch.equal(value, before[key]) for key, value in model.named_parameters())


# Maps


@pytest.mark.learning
def test_label_maps_train_resume_and_translate(tmp_path: Path) -> None:
    small = {"images_seen": 4 * BATCH, "batch_size": BATCH, "report_every": BATCH, "checkpoint_every": 2 * BATCH}
    options = tiny_options("pix2pixhd") | small | {"features": 2}
    run = iw.train("pix2pixhd", map_images(), tmp_path / "unbroken" / "run", **options)
    config = run.record["config"]
    assert config["layer_kinds"] == {"input": "labels", "instances": "ids"}
    assert config["layer_channels"] == {"input": CLASSES, "instances": 1, "target": 3}
    assert all(math.isfinite(value) for line in run.metrics() for value in line["losses"].values())
    stop = iw.StopRequest()

    class StopsIt(iw.Observer):
        every = BATCH

        def at(self, images_seen: int, line: object) -> None:
            stop.asked = stop.asked or images_seen >= 3 * BATCH

    with pytest.raises(iw.Stopped):
        iw.train("pix2pixhd", map_images(), tmp_path / "broken" / "run", stop=stop, observers=[StopsIt()], **options)
    broken = iw.train("pix2pixhd", map_images(), tmp_path / "broken" / "run", resume=True, **options)
    assert final_bytes(broken).items() >= final_bytes(run).items()
    model = iw.load(run)
    assert model.class_features.seen.tolist() == [True, False, True]
    labels = torch.from_numpy(np.where(simple_pictures(2).max(1, keepdims=True) > 100, 2, 0).astype(np.uint8))
    several = iw.translate(run, labels, styles=3)
    assert several.shape == (2, 3, 3, 16, 16)
    assert not torch.equal(several[:, 0], several[:, 1])
    like = iw.translate(run, labels, like=simple_pictures(2, seed=3))
    assert not torch.equal(like[:, 0], like[:, 1])


def test_edges_of_instances_come_from_their_channels_else_from_classes() -> None:
    model = maps_model()
    labels = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
    ids = torch.zeros(1, 2, 16, 16, dtype=torch.uint8)
    ids[:, 1, :, 8:] = 3  # instance 768
    plain, with_ids = to_float(labels), to_float(torch.cat([labels, ids], 1))
    same = to_float(torch.cat([labels, torch.zeros_like(ids)], 1))
    with torch.no_grad():
        without = model.translate(plain, Target())
        assert torch.equal(without, model.translate(same, Target()))
        assert not torch.equal(without, model.translate(with_ids, Target()))


def test_files_of_label_maps_are_read_as_classes_at_any_size(tmp_path: Path) -> None:
    """Palettes and 16 bits hold numbers, and a map at another size has no classes between those of its neighbours."""
    model = maps_model()
    labels = np.where(simple_pictures(1).max(1) > 100, 2, 0).astype(np.uint8)[0]
    whole = Image.fromarray(labels)
    palette = whole.copy()
    palette.putpalette([200, 10, 30, 4, 5, 6, 90, 250, 130])
    (tmp_path / "maps").mkdir()
    for name, picture in (("grey", whole), ("palette", palette), ("deep", Image.fromarray(labels.astype(np.uint16)))):
        picture.save(tmp_path / "maps" / f"{name}.png")
    expected = iw.translate(model, torch.from_numpy(labels)[None, None])
    for made in iw.translate(model, tmp_path / "maps"):
        assert torch.equal(made, expected[0])
    assert torch.equal(iw.translate(model, tmp_path / "maps" / "palette.png"), expected)
    Image.fromarray(labels).resize((48, 40), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    sheet = iw.translation_sheet(model, tmp_path / "large.png")
    assert sheet.images.shape[1:] == (3, 16, 16)
    assert len(torch.unique(sheet.images[0].flatten(1), dim=1).T) == 2  # two classes, two colours
    iw.write_translations(model, tmp_path / "large.png", tmp_path / "out")
    with Image.open(tmp_path / "out" / "large.png") as written:
        assert written.size == (48, 40)


def test_a_class_that_the_model_does_not_know_is_named() -> None:
    with pytest.raises(UserError, match=r"class 200.*classes 0 to 2"):
        iw.translate(maps_model(), torch.full((1, 1, 16, 16), 200, dtype=torch.uint8))


def test_a_smaller_picture_than_the_network_halves_is_translated() -> None:
    model = tiny_model("pix2pixhd", (32, 32), downsamplings=3, enhancers=1).eval()
    assert iw.translate(model, simple_pictures(1, (9, 12))).shape == (1, 3, 9, 12)


# Features


def test_statistics_of_features_are_of_each_class_and_sampled_from() -> None:
    statistics = ClassFeatures(3, 1)
    classes = torch.tensor([[[0, 0], [2, 2]]])
    features = torch.tensor([[[[1.0, 3.0], [5.0, 5.0]]]])
    statistics.update(step_of(map_layers()), features, classes)
    assert statistics.mean.flatten().tolist() == [2.0, 0.0, 5.0]
    assert statistics.seen.tolist() == [True, False, True]
    samples = statistics.sample(4000, torch.Generator().manual_seed(0))
    assert samples[:, 0].std().item() == pytest.approx(1.0, abs=0.05)
    assert samples[:, 2].std().item() == pytest.approx(0.0, abs=1e-3)
    found = statistics.of_images(torch.tensor([[[[1.0, 2.0], [4.0, 8.0]]]]))
    assert found.flatten().tolist() == [1.5, 0.0, 6.0]


def test_a_model_without_features_has_no_styles() -> None:
    assert has_styles(maps_model(features=2))
    assert not has_styles(maps_model())
    with pytest.raises(UserError, match="one way only"):
        iw.translate(maps_model(), torch.zeros(1, 1, 16, 16, dtype=torch.uint8), styles=2)


def test_features_without_a_label_map_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"features=2.*--layer-kinds input=labels"):
        iw.train("pix2pixhd", layered_images(("input", "target")), **tiny_options("pix2pixhd") | {"features": 2})


def test_an_encoder_goes_to_its_published_names_and_back() -> None:
    model = maps_model(features=2)
    declared = find_adapter("pix2pixhd").networks["encoder"]
    loaded = iw.load_network("pix2pixhd", "encoder", export_state(model.encoder, declared), size=(16, 16))
    image, ids = to_float(torch.from_numpy(simple_pictures(1))), torch.zeros(1, 1, 16, 16, dtype=torch.int64)
    with torch.no_grad():
        expected = model.encoder(image).mean((2, 3), keepdim=True).expand(-1, -1, 16, 16)
        torch.testing.assert_close(loaded(image=image, instances=ids)["features"], expected)


# Stages


def test_a_local_enhancer_starts_from_a_trained_global_generator(tmp_path: Path) -> None:
    first = train_tiny("pix2pixhd", out=tmp_path / "global", steps=2, enhancers=0)
    told = Messages()
    second = train_tiny(
        "pix2pixhd",
        out=tmp_path / "local",
        steps=4,
        enhancers=1,
        enhancer_alone=1.0,
        start=str(first.path),
        reporter=told,
    )
    ours, theirs = iw.load(second).generator, iw.load(first).generator
    assert isinstance(ours, LocalEnhancer)
    assert isinstance(theirs, ResidualGenerator)
    shared = ours.model.state_dict()
    assert len(shared) > 6
    for name, tensor in shared.items():
        assert torch.equal(tensor, theirs.model.state_dict()[name]), name


def test_suggestions_of_an_enhancer_follow_the_published_share() -> None:
    traits = {"images": 100, "height": 64, "width": 64, "channels": 3}
    alone = Pix2PixHDConfig.suggest(Traits(**traits, accelerator=True, given={"start": "runs/global", "enhancers": 1}))
    assert alone == {"enhancer_alone": 0.1}
    assert Pix2PixHDConfig.suggest(Traits(**traits, accelerator=True)) == {}
    assert Pix2PixHDConfig.suggest(Traits(**traits))["width"] < 64


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (16, 16), "downsamplings": 4}, r"16x16 cannot be halved 5 times"),
        ({"size": (16, 16), "width": 3}, r"width 3 must be a multiple of 2"),
        ({"size": (18, 16)}, r"18.*--size 16x16|16x18.*--size 16x16"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    values = {"channels": 3, "layer_channels": {"input": 3, "target": 3}}
    with pytest.raises(ConfigError, match=message):
        configs.build(Pix2PixHDConfig, values | tiny_options("pix2pixhd") | options, "pix2pixhd")


@pytest.mark.parametrize(("size", "halvings"), [((32, 32), 3), ((64, 64), 4), ((512, 1024), 4), ((16, 16), 2)])
def test_halvings_follow_from_the_size(size: tuple[int, int], halvings: int) -> None:
    assert Pix2PixHDConfig(size=size, channels=3, layer_channels={"input": 3, "target": 3}).halvings == halvings


def test_grey_pictures_to_colour(tmp_path: Path) -> None:
    pictures = simple_pictures()
    images = iw.open_images({"input": pictures[:, :1], "target": pictures})
    options = tiny_options("pix2pixhd") | {"images_seen": 16, "batch_size": 8, "report_every": 16}
    run = iw.train("pix2pixhd", images, tmp_path / "run", **options)
    assert run.record["config"]["layer_channels"] == {"input": 1, "target": 3}
    assert iw.translate(run, pictures[:2]).shape == (2, 3, 16, 16)
    assert iw.translation_sheet(run, pictures[:2]).images.shape[1] == 3
