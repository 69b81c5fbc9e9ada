"""FUNIT: losses against numbers worked out by hand, codes of several pictures, held-out classes, published files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import BATCH, Messages, final_bytes, simple_pictures, stopped_after, tiny_model, train_tiny
from torch.nn.functional import leaky_relu

import imagewright as iw
from imagewright.capabilities import Target
from imagewright.checkpoints import export_state, find_adapter, import_checkpoint
from imagewright.errors import ConfigError, RunError, UserError
from imagewright.images import Images
from imagewright.layers.conv_blocks import PreactivatedResidual
from imagewright.phases import Draws, Rows, Step

CLASSES = ("ash", "beech", "cedar", "fir", "oak")


def pictures(count: int, seed: int = 0, side: int = 16) -> torch.Tensor:
    return 2 * torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) - 1


def step_of(count: int = 2, shots: int = 1) -> Step:
    draws = Draws(torch.Generator().manual_seed(0), count, 0, count)
    labels = torch.arange(count) % 2
    classes = Rows(images=pictures(count * shots, 1), labels=labels.repeat_interleave(shots))
    return Step(
        images=pictures(count), labels=1 - labels, index=0, images_seen=0, draws=draws, feeds={"classes": classes}
    )


def five_classes() -> Images:
    images = iw.open_images(simple_pictures(30))
    return images.with_labels(np.arange(30) % 5, CLASSES)


# Networks and objective


def test_a_shortcut_without_weights_takes_the_activated_input() -> None:
    maps = torch.randn(1, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    same, wider = PreactivatedResidual(4, 4), PreactivatedResidual(4, 6)
    with torch.no_grad():
        for block in (same, wider):
            block.conv_1.conv.weight.zero_()
            block.conv_1.conv.bias.zero_()
        torch.testing.assert_close(same(maps), leaky_relu(maps, 0.2))
        torch.testing.assert_close(wider(maps), wider.conv_s["conv"](maps))


def test_the_recipe_is_the_published_one() -> None:
    recipe = tiny_model("funit").recipe()
    assert (recipe.batch_size, recipe.images_seen, recipe.load_ratio, recipe.flip) == (64, 6_400_000, 140 / 128, True)
    optimizer = recipe.optimizer
    assert (optimizer.kind, optimizer.learning_rate, optimizer.weight_decay) == ("rmsprop", 1e-4, 1e-4)


def test_the_adversarial_weight_is_of_both_networks() -> None:
    once, twice = (tiny_model("funit", adversarial=weight) for weight in (1.0, 2.0))
    twice.load_state_dict(once.state_dict())
    for name, term in once.discriminator_loss(step_of()).items():
        weight = 1 if name == "r1" else 2
        torch.testing.assert_close(twice.discriminator_loss(step_of())[name], weight * term)


def test_the_penalty_is_of_the_gradient_of_the_mean_response_of_the_batch() -> None:
    model = tiny_model("funit")
    step = step_of()
    real, labels = step["classes"].images.clone().requires_grad_(True), step["classes"].labels
    assert labels is not None
    (gradient,) = torch.autograd.grad(model.discriminator(real, labels)[0].mean(), real)
    wanted = 10 * gradient.square().sum() / len(real)
    torch.testing.assert_close(model.discriminator_loss(step)["r1"], wanted)
    assert "r1" not in tiny_model("funit", gradient_penalty=0.0).discriminator_loss(step_of())


def test_the_fake_is_judged_by_the_class_of_its_reference_and_the_reconstruction_by_its_own() -> None:
    model, step = tiny_model("funit").eval(), step_of(shots=3)
    terms, generator = model.generator_loss(step), model.generator
    examples = step["classes"].images.unflatten(0, (2, 3))
    code = torch.stack([generator.style_encoder(each).mean(0) for each in examples])
    fake = generator.decode(generator.content_encoder(step.images), code)
    own = generator.decode(generator.content_encoder(step.images), generator.style_encoder(step.images))
    labels = torch.arange(2)
    judged, features = model.discriminator(fake, labels)
    judged_own, _ = model.discriminator(own, 1 - labels)
    torch.testing.assert_close(terms["adversarial"], -0.5 * (judged.mean() + judged_own.mean()))
    torch.testing.assert_close(terms["reconstruction"], 0.1 * (own - step.images).abs().mean())
    wanted = model.discriminator(examples[:, 0], labels)[1].mean((2, 3))
    torch.testing.assert_close(terms["features_class"], (features.mean((2, 3)) - wanted).abs().mean())


# Verbs


def test_several_references_give_the_mean_of_their_codes() -> None:
    model = tiny_model("funit").eval()
    examples = pictures(3)
    with torch.no_grad():
        codes = model.generator.style_encoder(examples)
        torch.testing.assert_close(model.encode_styles(examples[None]), codes.mean(0, keepdim=True))


def test_without_references_it_says_what_to_give() -> None:
    with pytest.raises(UserError, match="--like"):
        iw.translate(tiny_model("funit"), simple_pictures(2))


# Held-out classes


@pytest.mark.parametrize(("wanted", "unseen"), [("oak, ash", ("ash", "oak")), ("2", ("beech", "fir")), ("", ())])
def test_held_out_classes_are_recorded_and_never_seen(wanted: str, unseen: tuple[str, ...], tmp_path: Path) -> None:
    told = Messages()
    run = train_funit(tmp_path / "run", held_out_classes=wanted, reporter=told)
    assert any("never sees: " + ", ".join(unseen) in text for text in told.texts) == bool(unseen)
    config = iw.load(run).config
    assert config.unseen_classes == unseen
    assert config.class_names == tuple(name for name in CLASSES if name not in unseen)
    with pytest.raises(ConfigError, match=r"no class 'elm'.*ash, beech"):
        train_funit(tmp_path / "other", held_out_classes="elm")
    with pytest.raises(ConfigError, match="leaves 1 of 5"):
        train_funit(tmp_path / "other", held_out_classes="4")


def train_funit(out: Path, **options: object) -> iw.Run:
    from tiny import tiny_options

    values = tiny_options("funit") | {"images_seen": 2 * BATCH, "batch_size": BATCH} | options
    return iw.train("funit", five_classes(), out=out, **values)


def test_a_resumed_run_holds_out_the_same_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiny.tiny_images", lambda name, pictures=None: five_classes())
    often = {"held_out_classes": "2", "checkpoint_every": 2 * BATCH, "report_every": 6 * BATCH}
    unbroken = train_tiny("funit", out=tmp_path / "unbroken" / "run", steps=6, **often)
    broken = stopped_after("funit", tmp_path / "broken" / "run", steps=6, stop_at=3, **often)
    broken = train_tiny("funit", out=broken.path, steps=6, resume=True, **often)
    ours, theirs = final_bytes(broken), final_bytes(unbroken)
    assert {file: ours[file] for file in theirs} == theirs


def test_a_model_without_held_out_classes_refuses_the_option() -> None:
    with pytest.raises(ConfigError, match="held_out_classes"):
        iw.train("cgan", five_classes(), held_out_classes="2")


# Published files


@pytest.mark.learning
def test_the_average_of_the_authors_file_becomes_a_run(tmp_path: Path) -> None:
    odd = {"width": 3, "blocks": 2, "downsamplings": 2, "style_downsamplings": 3, "mlp_layers": 4}
    model = tiny_model("funit", **odd).eval()
    state = export_state(model.generator, find_adapter("funit").networks["generator"])
    state["dec.model.0.model.0.model.0.norm.running_var"] = torch.ones(12)
    other = {name: tensor + 1 for name, tensor in state.items()}
    torch.save({"gen": other, "gen_test": state}, tmp_path / "gen.pt")
    imported = import_checkpoint(tmp_path / "gen.pt", "funit", tmp_path / "run")
    assert {name: getattr(imported.config, name) for name in odd} == odd
    images, style = pictures(1), torch.ones(1, 4)
    made = imported.translate(images, Target(style=style))
    torch.testing.assert_close(made, model.translate(images, Target(style=style)))
    references = simple_pictures(2, (30, 30))
    assert iw.translate(tmp_path / "run", simple_pictures(1, (30, 41)), like=references).shape == (1, 3, 30, 41)


def test_a_discriminator_of_other_depth_and_classes() -> None:
    model = tiny_model("funit", discriminator_blocks=6, discriminator_width=5).eval()
    state = export_state(model.discriminator, find_adapter("funit").networks["discriminator"])
    network = iw.load_network("funit", "discriminator", state)
    found = network(image=pictures(2), label=torch.tensor([1, 0]))
    prediction, features = model.discriminator(pictures(2), torch.tensor([1, 0]))
    torch.testing.assert_close(found["prediction"], prediction)
    torch.testing.assert_close(found["features"], features)


def test_a_file_of_munit_is_told(tmp_path: Path) -> None:
    state = export_state(tiny_model("munit").generator_a, find_adapter("munit").networks["generator_a"])
    torch.save({"a": state}, tmp_path / "gen.pt")
    with pytest.raises(RunError, match=r"gen\.pt: This is no .*FUNIT.*looks like .*--as munit"):
        import_checkpoint(tmp_path / "gen.pt", "funit")
