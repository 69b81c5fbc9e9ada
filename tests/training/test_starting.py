"""`--from`: weights of another run where name and shape are the same, recorded with their source; and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import BATCH, Messages, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, RunError

# So small a learning rate that the weights stay as they started.
STILL = {"learning_rate": 1e-12, "ema_half_life": 0, "steps": 1, "network": "mlp"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    """A trained run."""
    return train_tiny(
        "vae", simple_pictures(), tmp_path_factory.mktemp("source") / "run", steps=3, network="mlp", seed=5
    )


def weights(run: iw.Run) -> dict[str, torch.Tensor]:
    """Without the density of the latents, which every training fits anew."""
    return {name: tensor for name, tensor in iw.load(run).state_dict().items() if not name.startswith("density.")}


def test_a_training_starts_from_the_weights_of_a_run(source: iw.Run, tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", start=str(source.path), **STILL)
    started, taken = weights(run), weights(source)
    assert all(torch.allclose(started[name], taken[name], atol=1e-6) for name in taken)
    record = run.record["started_from"]
    assert record["source"] == str(source.checkpoints()[-1].weights)
    assert record["taken"] == len(taken)
    unrelated = weights(train_tiny("vae", simple_pictures(), tmp_path / "unrelated", **STILL))
    assert not all(torch.allclose(unrelated[name], taken[name], atol=1e-6) for name in taken)


def test_weights_of_another_shape_are_named_and_keep_their_initial_values(source: iw.Run, tmp_path: Path) -> None:
    messages = Messages()
    first = source.checkpoints()[0].weights
    run = train_tiny(
        "vae", simple_pictures(), tmp_path / "run", start=str(first), latent_dim=5, reporter=messages, **STILL
    )
    started, taken = weights(run), weights(source)
    same = {name for name in taken if started[name].shape == taken[name].shape}
    assert 0 < len(same) < len(taken)
    assert all(torch.allclose(started[name], taken[name], atol=1e-6) for name in same)
    assert any(f"{len(same)} of the model's {len(taken)} tensors" in text for text in messages.texts)
    assert any(f"{len(taken) - len(same)} of another shape" in text for text in messages.texts)


def test_a_resumed_run_does_not_start_from_the_weights_again(source: iw.Run, tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", start=str(source.path), network="mlp", steps=2)
    before = weights(run)
    resumed = iw.train("vae", simple_pictures(), run.path, resume=True)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(resumed).items())
    assert resumed.checkpoints()[-1].images_seen == 2 * BATCH


def test_a_path_that_is_no_run_is_refused_and_leaves_none(source: iw.Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nothing"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", start=str(tmp_path / "nothing"))
    with pytest.raises(RunError, match=r"no tensor that fits"):
        train_tiny("dcgan", simple_pictures(), tmp_path / "run", start=str(source.path))
    assert not (tmp_path / "run").exists()


def test_a_published_file_is_to_be_imported_first(tmp_path: Path) -> None:
    torch.save({"main.0.weight": torch.zeros(2)}, tmp_path / "G.pth")
    with pytest.raises(RunError, match=r"G\.pth is neither a run .*imagewright import .*G\.pth --as vae --out"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", start=str(tmp_path / "G.pth"), **STILL)
    assert not (tmp_path / "run").exists()


def test_a_closed_form_model_starts_from_no_run(tmp_path: Path) -> None:
    for call in (iw.train, iw.plan_training):
        with pytest.raises(ConfigError, match=r"pca is fitted in closed form.*leave --from out"):
            call("pca", simple_pictures(), start="runs/other")  # type: ignore[operator]
