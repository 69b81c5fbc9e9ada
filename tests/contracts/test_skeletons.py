"""The contracts hold the systems to come: their skeletons train, resume to the byte, share ranks, and answer verbs.

Systems of the catalogue that took the places of their skeletons share ranks and micro-batches here; that they train,
resume and answer verbs is tested with the other models of the catalogue.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from skeletons import SKELETONS
from skeletons.rank_workers import train_skeleton_as_rank
from tiny import (
    BATCH,
    Messages,
    batches_of,
    engine_of,
    final_bytes,
    layered_images,
    parameters,
    simple_pictures,
    stopped_after,
    tiny_images,
    tiny_model,
    train_tiny,
)
from workers import ranks

import imagewright as iw
from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.model import Feed
from imagewright.models.translation import pix2pixhd
from imagewright.pretrained.perceptual_blocks import PerceptualBlocks
from imagewright.runs.weights import read_tensors
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan
from imagewright.views import space_name, view_settings

REAL = (
    "biggan",
    "biggan_deep",
    "cut",
    "cyclegan",
    "drit",
    "funit",
    "munit",
    "pix2pix",
    "pix2pixhd",
    "progan",
    "r3gan",
    "stargan",
    "stargan_v2",
    "stylegan",
    "stylegan2",
    "stylegan3",
    "unit",
)
NAMES = [*SKELETONS, *REAL]
# Batch norms and deviations of a minibatch are of each rank's own part of the batch, and dropout samples for it.
OF_ITS_PART = ("biggan", "biggan_deep", "pix2pix", "progan", "stylegan", "stylegan2", "stylegan3")
OF_THE_WHOLE_BATCH = [name for name in NAMES if name not in OF_ITS_PART]
# Pools gather the rows of a micro-batch: its size changes what they compute.
OF_EACH_ROW = [name for name in OF_THE_WHOLE_BATCH if name != "cyclegan"]
# So slow that a rounding error of the first step does not grow in the second one.
SLOW = 1e-6
OFTEN = {"report_every": 6 * BATCH, "checkpoint_every": 4 * BATCH}


@pytest.fixture(scope="module", params=SKELETONS)
def name(request: pytest.FixtureRequest) -> str:
    """Of the module, so that the tests of a system follow one another and share its run."""
    return str(request.param)


@pytest.fixture(params=parameters(NAMES))
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def unbroken(name: str, skeletons: None, tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    """A run of 13 steps."""
    return train_tiny(name, out=tmp_path_factory.mktemp("unbroken") / "run", steps=13, **OFTEN)


def assert_equal_moments(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    """The optimizers' moments are equal up to rounding.

    Not the weights: Adam makes whole steps of gradients that are 0 up to rounding, as those of biases before a norm.
    """
    moments = [key for key in ours if key.endswith(("exp_avg", "square_avg"))]
    assert moments
    largest = max(float(ours[key].abs().max()) for key in moments)
    for key in moments:
        rounding = 1e-4 + 1e-5 * largest + 1e-3 * float(ours[key].abs().max())
        torch.testing.assert_close(theirs[key], ours[key], atol=rounding, rtol=0, msg=f"{key}: {{}}".format)


def test_losses_are_finite_and_every_phase_reports(name: str, unbroken: iw.Run) -> None:
    reports = unbroken.metrics()
    phases = {phase.name for phase in tiny_model(name).phases()}
    assert {term.split("/")[0] for term in reports[0]["losses"]} == phases  # of six steps
    assert all(math.isfinite(value) for report in reports for value in report["losses"].values())
    assert len(list(unbroken.path.glob("samples/*.png"))) == len(reports) + 1
    assert (unbroken.path / "report.html").is_file()


def test_a_resumed_run_ends_with_the_bytes_of_an_unbroken_one(name: str, unbroken: iw.Run, tmp_path: Path) -> None:
    broken = stopped_after(name, tmp_path / "broken" / "run", steps=13, stop_at=5, **OFTEN)
    assert broken.checkpoints()[-1].images_seen < 13 * BATCH
    broken = train_tiny(name, out=broken.path, steps=13, resume=True, **OFTEN)
    ours, theirs = final_bytes(broken), final_bytes(unbroken)
    for file in set(ours) - set(theirs):  # the preview of where the first part stopped
        ours.pop(file)
    assert ours == theirs


@pytest.mark.parametrize("system", parameters(NAMES, {*REAL, "face_swap"} - {"cyclegan", "stylegan2"}))
def test_ranks_end_with_equal_weights_and_compute_what_one_rank_does(system: str, tmp_path: Path) -> None:
    one = train_tiny(system, out=tmp_path / "one" / "run", steps=2, learning_rate=SLOW)
    workers = ranks(train_skeleton_as_rank, 2, system, tmp_path / "two" / "run", tmp_path, steps=2, learning_rate=SLOW)
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert (tmp_path / "weights-0").read_text() == (tmp_path / "weights-1").read_text()
    if system in OF_THE_WHOLE_BATCH:
        two = iw.Run(tmp_path / "two" / "run")
        assert_equal_moments(*(read_tensors(run.checkpoints()[-1].state)[0] for run in (one, two)))
        ours, theirs = (read_tensors(run.checkpoints()[-1].weights)[0] for run in (one, two))
        for key, tensor in ours.items():  # averages and buffers too
            torch.testing.assert_close(theirs[key], tensor, atol=2e-4, rtol=0, msg=f"{system}: {key}")


@pytest.fixture
def in_float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All arithmetic of models in float64, so that no rounding error puts a ReLU on its other side."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    monkeypatch.setattr(torch, "float32", torch.float64)
    torch.set_default_dtype(torch.float64)
    forget_constants()
    yield
    torch.set_default_dtype(torch.float)
    forget_constants()


def forget_constants() -> None:
    """Empty the caches of layers, whose tensors have the type of their first use."""
    layers = [module for name, module in sys.modules.items() if name.startswith("imagewright.layers.")]
    for value in (value for module in layers for value in vars(module).values()):
        if hasattr(value, "cache_clear"):
            value.cache_clear()


def moments_of_the_first_step(system: str, micro_batch: int) -> dict[str, torch.Tensor]:
    """The optimizers' moments after the first step of a new model, in which all phases are due, by place."""
    rows = 2 * BATCH
    engine = engine_of(tiny_model(system), batch_size=rows, micro_batch=micro_batch, learning_rate=SLOW)
    engine.step(batches_of(system, count=rows), 0, 0)
    assert all(math.isfinite(value) for value in engine.losses().values())
    states = {name: optimizer.state_dict()["state"] for name, optimizer in engine.optimizers.items()}
    return {
        f"{name}.{place}.{kind}": value
        for name, state in states.items()
        for place, values in state.items()
        for kind, value in values.items()
        if kind in ("exp_avg", "square_avg")
    }


@pytest.mark.usefixtures("in_float64")
def test_micro_batches_give_finite_losses_and_the_gradients_of_the_whole_batch(system: str) -> None:
    whole, split = (moments_of_the_first_step(system, size) for size in (2 * BATCH, 4))
    assert whole.keys() == split.keys()
    for key, ours in whole.items():
        assert ours.dtype == torch.float64
        if system in OF_EACH_ROW:
            torch.testing.assert_close(split[key], ours, atol=1e-9, rtol=1e-6, msg=f"{key}: {{}}".format)


def test_verbs_are_answered_as_the_catalogue_says(name: str, unbroken: iw.Run) -> None:
    assert verbs_of(catalogue.model_class(name)) == verbs_of(tiny_model(name)) == catalogue.entry_of(name).verbs
    run = unbroken
    model = iw.load(run)
    if "sample" in catalogue.entry_of(name).verbs:
        samples = iw.sample(run, 3, seed=4)
        assert samples.dtype == torch.uint8
        assert samples.shape == (3, *model.config.image_shape)
        assert torch.equal(iw.sample(run, 1, seed=4), samples[:1])
    if "translate" in catalogue.entry_of(name).verbs:
        pictures = simple_pictures(3, seed=5)
        wanted = {"like": simple_pictures(2, seed=6)} if not model.domains else {"to": model.domains[-1]}
        translated = iw.translate(run, pictures, **wanted)
        assert translated.shape == pictures.shape
        assert torch.equal(iw.translate(run, pictures[:1], **wanted), translated[:1])
        larger = simple_pictures(1, (30, 41))
        assert iw.translate(run, larger, **wanted).shape == larger.shape


def test_every_parameter_that_training_moves_is_in_a_phase_and_in_the_weights_file(system: str) -> None:
    model = tiny_model(system)
    engine = Engine(model, Plan(images_seen=800, batch_size=BATCH, micro_batch=BATCH, learning_rate=1e-3), model.device)
    named = {id(p) for network in engine.networks.values() for p in network.parameters()}
    assert named == {id(p) for p in model.parameters()}
    assert {key for key, _ in model.named_parameters()} <= set(model.state_dict())


# What each skeleton is there for


@pytest.mark.learning
def test_a_schedule_of_the_recipe_runs_at_the_length_that_the_user_gave(tmp_path: Path) -> None:
    short = train_tiny("cyclegan", out=tmp_path / "short", steps=10, report_every=BATCH)
    rates = [line["learning_rates"]["generator_ab"] for line in short.metrics()]
    assert rates[:5] == pytest.approx([2e-4] * 5)
    assert rates[-1] == pytest.approx(2e-4 * 2 / 10)
    assert rates[5:] == sorted(rates[5:], reverse=True)
    flat = train_tiny("cyclegan", out=tmp_path / "flat", steps=4, report_every=BATCH, schedule="constant")
    assert {line["learning_rates"]["generator_ab"] for line in flat.metrics()} == {2e-4}


def test_a_scheduled_training_cannot_be_resumed_for_longer(tmp_path: Path) -> None:
    from imagewright.errors import RunError

    train_tiny("cyclegan", out=tmp_path / "run", steps=2)
    with pytest.raises(RunError, match=r"images_seen is 16 in the run and 32 now, but its own schedule"):
        train_tiny("cyclegan", out=tmp_path / "run", steps=4, resume=True, report_every=16, checkpoint_every=16)


@pytest.mark.learning
def test_growing_restarts_the_moments_and_goes_on(tmp_path: Path) -> None:
    # Of 19 million images the tiny network grows from 4 to 16 pixels in 2 times 2 phases of 1.9 million.
    run = train_tiny("progan", out=tmp_path / "run", steps=20, phase_images=1_900_000, report_every=BATCH)
    assert read_tensors(run.checkpoints()[-1].weights)[0]["generator.images.level.lod"].item() == 0
    state, place = read_tensors(run.checkpoints()[-1].state)
    assert place["index"] == 20
    # It begins to fade at steps 2 and 6, and is at the next size at 4 and 8: 12 steps counted anew.
    assert state["optimizer.generator.layers.0.weight.step"].item() == 12


def test_a_network_that_trains_alone_at_first_leaves_the_other_where_it_was() -> None:
    before = {key: value.clone() for key, value in tiny_model("pix2pixhd").named_parameters()}
    model = tiny_model("pix2pixhd", enhancer_alone=0.25)
    engine = Engine(model, Plan(images_seen=256, batch_size=BATCH, micro_batch=BATCH, learning_rate=1e-3), model.device)
    for index in range(12):
        engine.step(batches_of("pix2pixhd", seed=index), index, index * BATCH)
        moved = {key for key, value in model.named_parameters() if not torch.equal(value, before[key])}
        assert ("generator.model.1.weight" in moved) == (index * BATCH >= 64)
        assert {"generator.model1_1.1.weight", "generator.model1_2.5.weight"} <= moved


def test_a_frozen_network_is_in_no_file_and_never_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = torch.nn.Conv2d(3, 4, 3)
    blocks = PerceptualBlocks(network, lambda images: [network(images)] * 5, relative=False)
    monkeypatch.setattr(pix2pixhd, "open_perceptual_blocks", lambda name: (blocks, f"blocks of {name}"))
    before = network.weight.clone()
    told = Messages()
    run = train_tiny("pix2pixhd", out=tmp_path / "run", steps=2, learning_rate=0.1, perceptual="auto", reporter=told)
    assert "blocks of auto" in told.texts
    assert run.metrics()[-1]["losses"]["generator/perceptual"] > 0
    assert torch.equal(network.weight, before)
    assert not [key for key in read_tensors(run.checkpoints()[-1].weights)[0] if "perceptual" in key]
    loaded = iw.load(run)
    with pytest.raises(RuntimeError, match="equip"):
        loaded.perceptual(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16))


def test_both_sources_are_recorded_and_resumed_by_their_names(tmp_path: Path) -> None:
    run = train_tiny("cyclegan", out=tmp_path / "run", steps=1)
    assert list(run.record["sources"]) == ["a", "b"]
    assert run.record["sources"]["a"]["fingerprint"] != run.record["sources"]["b"]["fingerprint"]


def test_one_source_for_two_is_refused_with_what_to_type(tmp_path: Path) -> None:
    from imagewright.errors import ConfigError

    with pytest.raises(ConfigError, match=r"2 sources, a and b.*imagewright train cyclegan A/ B/.*images=\{'a'"):
        iw.train("cyclegan", simple_pictures(), out=tmp_path / "run")


def test_layers_that_are_missing_are_named(tmp_path: Path) -> None:
    from imagewright.errors import DataError

    with pytest.raises(DataError, match="input"):
        iw.train("pix2pix", simple_pictures(), out=tmp_path / "run")


def test_layers_are_mirrored_together(tmp_path: Path) -> None:
    images = layered_images(("input", "target"))
    same = iw.open_images({"input": simple_pictures(8), "target": simple_pictures(8)}, flip=True)
    batch = same.batch(np.arange(8), views=np.arange(8), seed=3)
    assert torch.equal(batch.layers["input"], batch.layers["target"])
    assert len(images) == 32


def test_images_of_one_row_are_of_one_class(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from imagewright.models.translation.funit import FUNIT

    several = FUNIT.feeds | {"classes": Feed(repeats=3, same_class=True, balanced=True)}
    monkeypatch.setattr(FUNIT, "feeds", several)
    classes = batches_of("funit")["classes"]
    assert classes.labels is not None
    assert len(classes.labels) == 3 * BATCH
    assert (classes.labels.reshape(-1, 3) == classes.labels[::3, None]).all()
    report = train_tiny("funit", out=tmp_path / "run", steps=2, micro_batch=4).metrics()[-1]
    assert all(math.isfinite(value) for value in report["losses"].values())


def test_dropout_resumes_exactly_and_differs_by_step(tmp_path: Path) -> None:
    """W1: before, 13 steps unbroken and 5 + resume differed for a network with dropout."""
    model = tiny_model("pix2pix").train()
    engine = Engine(model, Plan(images_seen=800, batch_size=BATCH, micro_batch=BATCH, learning_rate=1e-9), model.device)
    outputs = []
    model.generator.register_forward_hook(lambda module, given, output: outputs.append(output.detach().clone()))
    batches = batches_of("pix2pix")
    for index in (0, 1, 0):
        torch.manual_seed(index * 1000)  # whatever came before does not matter
        engine.step(batches, index, index * BATCH)
    assert not torch.equal(outputs[0], outputs[1])
    torch.testing.assert_close(outputs[0], outputs[2], atol=1e-5, rtol=0)


def test_a_pool_is_equal_on_all_ranks_and_holds_the_last_fakes(tmp_path: Path) -> None:
    run = train_tiny("cyclegan", out=tmp_path / "run", steps=2)
    tensors = read_tensors(run.checkpoints()[-1].weights)[0]
    assert tensors["pool_a.filled"].item() == 6
    assert tensors["pool_a.images"].dtype == torch.uint8
    assert tensors["pool_a.images"].any()


def test_a_view_of_w_and_a_truncated_one(tmp_path: Path) -> None:
    run = train_tiny("stylegan2", out=tmp_path / "run", steps=2)
    plain, in_w = iw.load(run), iw.load(run, space="w")
    latents = plain.sample_latents(2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(in_w.decode(plain.map_latents(latents)), plain.decode(latents))
        styles = plain.map_latents(latents)[:, None].expand(-1, *plain.style_shape)
        assert torch.equal(iw.load(run, space="w+").decode(styles), plain.decode(latents))
        truncated = iw.load(run, truncation=0.0)
        flat = truncated.decode(latents)
    assert (space_name(plain), space_name(in_w)) == ("z", "w")
    assert (view_settings(in_w), view_settings(truncated)) == ({"space": "w"}, {"truncation": 0.0})
    assert torch.equal(flat[0], flat[1])
    torch.testing.assert_close(iw.load(run, truncation=1.0).decode(latents), plain.decode(latents), atol=1e-5, rtol=0)


def test_previews_have_a_row_for_each_kind_of_picture_that_the_model_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    from imagewright.models.translation.cyclegan import CycleGAN

    def height() -> int:
        run = train_tiny("cyclegan", out=tmp_path / "run", steps=1, force=True)
        with Image.open(run.path / "samples" / f"{BATCH:09d}.png") as sheet:
            return sheet.height

    preview, six_rows = CycleGAN.preview, height()
    monkeypatch.setattr(CycleGAN, "preview", lambda self, rows, draws: {"a": preview(self, rows, draws)["a"]})
    one_row = height()
    assert 4 * one_row < six_rows <= 6 * one_row


def test_tiny_images_are_what_the_models_ask_for() -> None:
    assert set(tiny_images("drit")) == {"a", "b"}
    assert [layer.kind for layer in tiny_images("pix2pixhd").layers] == ["picture", "picture"]


def test_a_recipe_may_mirror_views_unless_the_user_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from imagewright.models.adversarial.progan import ProGAN

    recipe = ProGAN.recipe
    monkeypatch.setattr(ProGAN, "recipe", lambda self, seen=0: dataclasses.replace(recipe(self, seen), flip=True))
    run = train_tiny("progan", out=tmp_path / "mirrored", steps=2, batch_size=16)
    assert run.record["source"]["flip"] is True
    train_tiny("progan", out=run.path, steps=2, batch_size=16, resume=True)
    plain = iw.open_images(simple_pictures(), flip=False)
    run = train_tiny("progan", plain, tmp_path / "plain", steps=2, batch_size=16)
    assert run.record["source"]["flip"] is False
