"""What training relies on, for every model that is trained by phases, and for the skeletons of those to come."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from skeletons import SKELETONS
from tiny import BATCH, batches_of, engine_of, fill_weights, tiny_model, trained_by_phases
from torch import Tensor, nn

from imagewright import catalogue
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Step, Terms
from imagewright.seeds import derive_seed
from imagewright.training.engine import Engine, as_rows

OURS = trained_by_phases()
TRAINED = [*OURS, *SKELETONS]


def build(name: str) -> Model:
    """A tiny model as training starts from it, with weights filled at random: no branch is silent."""
    model = tiny_model(name)
    model.equip()
    fill_weights(model)
    return model


def step_of(name: str, index: int = 0) -> Step:
    """A step outside the engine: the rows of one batch of each feed, and its draws."""
    generator = torch.Generator().manual_seed(derive_seed(0, "test", index))
    rows = {feed: as_rows(batch) for feed, batch in batches_of(name, seed=index).items()}
    first, *others = rows
    return Step(
        **vars(rows[first]),
        index=index,
        images_seen=index * BATCH,
        draws=Draws(generator, BATCH, 0, BATCH),
        feeds={feed: rows[feed] for feed in others},
    )


def losses_of(model: Model, step: Step) -> dict[str, float]:
    """Every term of every phase, in the order of a step, with the layers' own random numbers seeded as in training."""
    losses = {}
    for phase in model.phases():
        torch.manual_seed(0)
        losses |= {f"{phase.name}/{term}": value.item() for term, value in phase.terms(step).items()}
    return losses


def moved_by_phase(engine: Engine, name: str, images_seen: int) -> dict[str, set[str]]:
    """The parameters that each phase of one step moves, seen when the next phase computes its loss, and at the end."""
    snapshots: list[tuple[str, dict[str, Tensor]]] = []

    def snapshot(phase: str) -> None:
        parameters = {key: value.detach().clone() for key, value in engine.model.named_parameters()}
        snapshots.append((phase, parameters))

    def watched(phase: Phase) -> Phase:
        def loss(step: Step) -> Terms:
            snapshot(phase.name)
            return phase.terms(step)

        return replace(phase, loss=loss)

    engine.phases = [watched(phase) for phase in engine.model.phases()]
    engine.step(batches_of(name), 0, images_seen)
    snapshot("the end")
    return {
        phase: {key for key, value in before.items() if not torch.equal(value, after[key])}
        for (phase, before), (_, after) in pairwise(snapshots)
    }


def test_models_are_trained_by_phases_or_in_closed_form() -> None:
    closed = [name for name in catalogue.entries() if name not in TRAINED]
    assert {"autoencoder", "vae", "dcgan"} <= set(TRAINED)
    assert "pca" in closed
    for name in closed:
        assert catalogue.model_class(name).is_closed_form()
        assert type(tiny_model(name)).fit is not Model.fit, f"{name} has neither phases nor fit"


@pytest.mark.parametrize("name", TRAINED)
def test_a_phase_moves_the_networks_that_it_names_and_no_others(name: str) -> None:
    model = build(name)
    engine = engine_of(model)
    moved_by = {phase.name: set() for phase in model.phases()}
    for images_seen in (0, 792):  # before and after whatever a schedule changes
        for phase, moved in moved_by_phase(engine, name, images_seen).items():
            moved_by[phase] |= moved
    for phase in model.phases():
        moved = moved_by[phase.name]
        for network in phase.updates:
            assert any(key.startswith(f"{network}.") for key in moved), f"{phase.name} does not move {network}"
        named = {f"{network}." for network in phase.updates}
        assert not [key for key in moved if not key.startswith(tuple(named))], phase.name
    still = {key for key, _ in model.named_parameters()} - set().union(*moved_by.values())
    # A difference of logits cancels the last bias of a critic exactly.
    assert not [key for key in still if not key.endswith("bias")], "parameters that no phase moves"


@pytest.mark.parametrize("name", TRAINED)
def test_phases_have_names_of_their_own_and_move_networks_that_exist(name: str) -> None:
    model = tiny_model(name)
    phases = model.phases()
    assert len({phase.name for phase in phases}) == len(phases)
    for phase in phases:
        assert phase.updates
        for network in phase.updates:
            assert any(True for _ in model.get_submodule(network).parameters())


def test_networks_that_overlap_are_refused() -> None:
    class Overlapping(Model):
        def __init__(self) -> None:
            super().__init__(tiny_model("dcgan").config)
            self.generator = nn.ModuleDict({"fine": nn.Linear(1, 1), "coarse": nn.Linear(1, 1)})

        def phases(self) -> list[Phase]:
            return [Phase("all", ("generator",), lambda step: {}), Phase("fine", ("generator.fine",), lambda step: {})]

    with pytest.raises(ValueError, match=r"'generator' and 'generator\.fine'"):
        engine_of(Overlapping())


@pytest.mark.parametrize("name", TRAINED)
def test_the_terms_of_a_phase_are_named_finite_scalars_with_gradients(name: str) -> None:
    model, step = build(name), step_of(name)
    for phase in model.phases():
        terms = phase.terms(step)
        assert terms
        for term, value in terms.items():
            assert isinstance(term, str)
            assert value.shape == ()
            assert torch.isfinite(value)
            assert value.requires_grad, f"{name}: {phase.name}/{term} reaches no parameter"


@pytest.mark.parametrize("name", TRAINED)
def test_tensors_that_a_phase_shares_carry_no_gradient(name: str) -> None:
    model, step = build(name), step_of(name)
    for phase in model.phases():
        phase.terms(step)
        assert not any(tensor.requires_grad for tensor in step.shared.values())


@pytest.mark.parametrize("name", TRAINED)
def test_all_state_that_training_changes_is_in_the_state_dict(name: str) -> None:
    trained, copied = build(name), build(name)
    engine = engine_of(trained)
    for index in range(3):
        engine.step(batches_of(name, seed=index), index, index * BATCH)
    copied.load_state_dict(trained.state_dict())
    trained.requires_grad_(True)  # the engine releases one phase at a time
    assert losses_of(trained, step_of(name, 3)) == losses_of(copied, step_of(name, 3))


@pytest.mark.parametrize("name", TRAINED)
def test_a_loss_depends_on_the_step_and_on_no_other_random_numbers(name: str) -> None:
    model = build(name)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    values = losses_of(model, step_of(name))
    model.load_state_dict(state)
    torch.rand(100)
    assert losses_of(model, step_of(name)) == values


@pytest.mark.parametrize("name", TRAINED)
def test_logits_and_previews_are_of_the_images_shapes(name: str) -> None:
    model, step = build(name), step_of(name)
    first = next(iter(model.feeds))
    rows = {first: step, **step.feeds}
    with torch.inference_mode():
        if hasattr(model, "logits"):
            for real, generated in model.logits(rows, step.draws).values():
                assert real.shape == generated.shape
                assert torch.isfinite(real).all()
        if hasattr(model, "preview"):
            for images in model.preview(rows, step.draws).values():
                assert images.shape[1:] == model.config.image_shape
    assert hasattr(model, "preview") or name in OURS or "sample" in SKELETONS[name].verbs
