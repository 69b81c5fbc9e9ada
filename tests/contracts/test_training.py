"""Training every model of the catalogue: it learns, what it leaves is whole, and stopping in between costs nothing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tiny import (
    BATCH,
    final_bytes,
    parameters,
    simple_pictures,
    stopped_after,
    tiny_model,
    train_tiny,
    trained_by_phases,
)

import imagewright as iw
from imagewright import catalogue
from imagewright.runs.weights import read_tensors

TRAINED = trained_by_phases()
WITH_ONE_AIM = [name for name in TRAINED if len(tiny_model(name).phases()) == 1]


STEPS = 13
OFTEN = {"report_every": 6 * BATCH, "checkpoint_every": 4 * BATCH}


@pytest.fixture(scope="module", params=parameters(TRAINED))
def name(request: pytest.FixtureRequest) -> str:
    """Of the module, so that the tests of a model follow one another and share its run."""
    return str(request.param)


@pytest.fixture(scope="module")
def unbroken(name: str, tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    """A run of 13 steps, on 20 pictures: each is seen several times, sometimes mirrored."""
    return train_tiny(name, few_pictures(), tmp_path_factory.mktemp("unbroken") / "run", steps=STEPS, **OFTEN)


def few_pictures() -> iw.Images:
    return iw.open_images(simple_pictures(20), flip=True)


def test_losses_are_finite_and_every_network_moves(name: str, unbroken: iw.Run) -> None:
    reports = unbroken.metrics()
    assert [report["images_seen"] for report in reports] == [48, 96, 104]
    phases = {phase.name for phase in tiny_model(name).phases()}
    # Rare phases are not due between every two reports.
    assert {term.split("/")[0] for report in reports for term in report["losses"]} == phases
    for report in reports:
        assert all(math.isfinite(value) for value in report["losses"].values())
    start, end = tiny_model(name).state_dict(), iw.load(unbroken).state_dict()
    for network, _ in tiny_model(name).named_children():
        own = [key for key in start if key.startswith(f"{network}.") and key.endswith("weight")]
        assert all(not torch.equal(start[key], end[key]) for key in own), network
    pictures = list(unbroken.path.glob("samples/*.png"))
    assert len(pictures) in (0, len(reports) + 1)  # one of the start
    assert pictures or not {"sample", "reconstruct", "translate"} & set(catalogue.entry_of(name).verbs)
    assert (unbroken.path / "report.html").is_file()


@pytest.mark.parametrize("name", WITH_ONE_AIM)
def test_the_loss_falls_on_a_simple_set(name: str, tmp_path: Path) -> None:
    run = train_tiny(name, simple_pictures(), tmp_path / "run", steps=60, report_every=20 * BATCH, learning_rate=5e-3)
    totals = [sum(report["losses"].values()) for report in run.metrics()]
    assert totals[0] > totals[1] > totals[2]
    assert totals[2] < totals[0] - 0.02 * abs(totals[0]), totals


@pytest.mark.parametrize("fitted", sorted(set(catalogue.entries()) - set(TRAINED)))
def test_equal_seeds_give_equal_fits(fitted: str, tmp_path: Path) -> None:
    runs = [train_tiny(fitted, simple_pictures(), tmp_path / place / "run", steps=3) for place in ("one", "two")]
    one, two = (run.checkpoints()[-1].weights.read_bytes() for run in runs)
    assert one == two


def test_equal_seeds_give_equal_bytes_though_the_training_is_interrupted(
    name: str, unbroken: iw.Run, tmp_path: Path
) -> None:
    pictures = few_pictures()
    broken = stopped_after(name, tmp_path / "broken" / "run", steps=STEPS, stop_at=5, pictures=pictures, **OFTEN)
    assert broken.checkpoints()[-1].images_seen == 5 * BATCH
    broken = train_tiny(name, pictures, broken.path, steps=STEPS, resume=True, **OFTEN)
    assert final_bytes(broken) == final_bytes(unbroken)


def test_another_seed_gives_other_weights(name: str, tmp_path: Path) -> None:
    one, other = (train_tiny(name, simple_pictures(), tmp_path / str(seed), steps=1, seed=seed) for seed in (0, 1))
    assert one.checkpoints()[-1].weights.read_bytes() != other.checkpoints()[-1].weights.read_bytes()


def test_the_state_holds_what_the_weights_do_not(name: str, unbroken: iw.Run) -> None:
    last = unbroken.checkpoints()[-1]
    weights, record = read_tensors(last.weights)
    state, place = read_tensors(last.state)
    model = tiny_model(name)
    assert weights.keys() == model.state_dict().keys()
    assert (record["model"], record["images_seen"]) == (name, STEPS * BATCH)
    assert place["images_seen"] == STEPS * BATCH
    assert place["index"] >= STEPS  # more where batches shrink as networks grow
    for key, _ in model.named_parameters():
        network, _, rest = key.partition(".")
        moment = {"adam": "exp_avg", "rmsprop": "square_avg"}[model.recipe().optimizer_for(network).kind]
        assert f"optimizer.{network}.{rest}.{moment}" in state
    for network in model.averaged:
        for key in model.get_submodule(network).state_dict():
            assert f"trained.{network}.{key}" in state


def test_run_json_says_what_was_done(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=1, seed=5)
    record = run.record
    assert record["model"] == "vae"
    assert record["config"]["size"] == [16, 16]
    assert record["options"]["images_seen"] == BATCH
    assert record["plan"]["learning_rate"] == tiny_model("vae").recipe().optimizer.learning_rate
    assert record["seed"] == 5
    assert record["source"]["count"] == 32
    assert record["source"]["fingerprint"] == iw.open_images(simple_pictures()).fingerprint
    assert record["versions"]["torch"]
    assert (run.path / "report.html").is_file()
