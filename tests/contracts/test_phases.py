"""What training may rely on, for every model of the catalogue that is trained by phases."""

from __future__ import annotations

import pytest
import torch
from tiny import BATCH, batch_of, engine_of, tiny_model

from imagewright import catalogue
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed

TRAINED = [name for name in catalogue.entries() if tiny_model(name).phases()]


def step_of(index: int = 0, seed: int = 0) -> Step:
    """A step outside the engine: the pictures of one batch, and its draws."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "test", index))
    images = to_float(batch_of(seed=index).images)
    draws = Draws(generator, BATCH, 0, BATCH)
    labels = torch.arange(BATCH) % 2
    return Step(images=images, index=index, images_seen=index * BATCH, draws=draws, labels=labels)


def test_models_are_trained_by_phases_or_in_closed_form() -> None:
    closed = [name for name in catalogue.entries() if name not in TRAINED]
    assert {"autoencoder", "vae", "dcgan"} <= set(TRAINED)
    assert "pca" in closed
    for name in closed:
        assert type(tiny_model(name)).fit is not catalogue.model_class("vae").fit, f"{name} has neither phases nor fit"


@pytest.mark.parametrize("name", TRAINED)
def test_each_phase_moves_all_of_the_networks_it_names_and_nothing_else(name: str) -> None:
    for place, phase in enumerate(tiny_model(name).phases()):
        model = tiny_model(name)
        before = {key: value.detach().clone() for key, value in model.named_parameters()}
        engine = engine_of(model)
        engine.phases = [engine.phases[place]]
        engine.step({"images": batch_of()}, 0, 0)
        for key, value in model.named_parameters():
            moved = not torch.equal(value, before[key])
            named = key.split(".")[0] in phase.updates
            if phase.name == "r1" and named and key.endswith("bias") and not moved:
                continue  # a penalty on slopes does not see what is added
            assert moved == named, f"{name}/{phase.name}: {key} moved: {moved}"


@pytest.mark.parametrize("name", TRAINED)
def test_phases_have_names_of_their_own_and_move_networks_that_exist(name: str) -> None:
    model = tiny_model(name)
    phases = model.phases()
    assert len({phase.name for phase in phases}) == len(phases)
    networks = dict(model.named_children())
    for phase in phases:
        assert phase.updates
        assert set(phase.updates) <= set(networks)
    with_parameters = {name for name, network in networks.items() if any(True for _ in network.parameters())}
    assert {name for phase in phases for name in phase.updates} == with_parameters, "a network that nothing trains"


@pytest.mark.parametrize("name", TRAINED)
def test_the_terms_of_a_phase_are_named_finite_scalars_with_gradients(name: str) -> None:
    model = tiny_model(name)
    step = step_of()
    for phase in model.phases():
        terms = phase.loss(step)
        assert terms
        for term, value in terms.items():
            assert isinstance(term, str)
            assert value.shape == ()
            assert torch.isfinite(value)
            assert value.requires_grad, f"{name}: {phase.name}/{term} reaches no parameter"


@pytest.mark.parametrize("name", TRAINED)
def test_what_a_step_hands_on_carries_no_gradient(name: str) -> None:
    model = tiny_model(name)
    step = step_of()
    for phase in model.phases():
        phase.loss(step)
        assert not any(tensor.requires_grad for tensor in step.shared.values())


@pytest.mark.parametrize("name", TRAINED)
def test_all_state_that_training_changes_is_in_the_state_dict(name: str) -> None:
    trained, copied = tiny_model(name), tiny_model(name)
    engine = engine_of(trained)
    for index in range(3):
        engine.step({"images": batch_of(seed=index)}, index, index * BATCH)
    copied.load_state_dict(trained.state_dict())
    one, other = step_of(3), step_of(3)
    for phase, same in zip(trained.phases(), copied.phases(), strict=True):
        terms, again = phase.loss(one), same.loss(other)
        assert {term: value.item() for term, value in terms.items()} == {t: value.item() for t, value in again.items()}


@pytest.mark.parametrize("name", TRAINED)
def test_a_loss_draws_from_the_step_alone(name: str) -> None:
    model = tiny_model(name)
    step = step_of()
    values = [sum(phase.loss(step).values()).item() for phase in model.phases()]
    torch.manual_seed(12345)  # the global generator must not matter
    again = step_of()
    assert values == [sum(phase.loss(again).values()).item() for phase in model.phases()]
