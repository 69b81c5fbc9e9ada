"""The training doctor: it says what was made to fail, is silent on what is healthy, and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH, final_bytes, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import TrainingError
from imagewright.models.autoencoding.vae import VAE
from imagewright.phases import Step, Terms
from imagewright.runs.run import Run
from imagewright.training import loop
from imagewright.training.doctor.gradient_norms import GradientNorms
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.doctor.sample_distances import References
from imagewright.training.reporting import Silent

STEPS = 240  # a little more than the doctor waits for
SMALL = (8, 8)


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def message(self, text: str) -> None:
        self.texts.append(text)


def trained(name: str, out: Path, pictures: np.ndarray | None = None, steps: int = STEPS, **options: Any) -> Run:
    """A short training with twelve reports, or eight where it is of a few steps."""
    pictures = simple_pictures(48, SMALL) if pictures is None else pictures
    return train_tiny(
        name, pictures, out, steps=steps, report_every=steps // (12 if steps >= STEPS else 8) * BATCH, **options
    )


def found(run: Run) -> dict[str, str]:
    return {finding.name: str(finding) for finding in iw.doctor(run)}


# Made to fail


@pytest.mark.learning
def test_a_posterior_that_collapsed_and_samples_that_are_all_alike(tmp_path: Path) -> None:
    heard = Heard()
    run = trained("vae", tmp_path / "run", beta=1000.0, network="mlp", reporter=heard)
    said = found(run)
    assert re.search(r"threshold 1\b.*lower --beta .*1000", said["posterior collapse"])
    assert re.search(r"threshold 0\.3\b.*lower --beta .*1000", said["collapse"])
    in_the_log = [text for text in heard.texts if text.startswith("doctor: posterior collapse: ")]
    assert len(in_the_log) == 1  # once, however often it holds
    assert "posterior collapse" in (run.path / "report.html").read_text()
    assert "posterior collapse" in {each["name"] for each in run.metrics()[-1]["findings"]}


@pytest.mark.learning
def test_a_discriminator_far_ahead_of_a_generator_that_rests(tmp_path: Path) -> None:
    said = found(trained("dcgan", tmp_path / "run", generator_every=50))
    assert "--generator-every 1" in said["discriminator far ahead"]


@pytest.mark.learning
def test_a_discriminator_held_down_by_its_penalty(tmp_path: Path) -> None:
    said = found(trained("dcgan", tmp_path / "run", penalty=1e5))
    assert re.search(r"--penalty .*100000", said["discriminator far behind"])


@pytest.mark.learning
def test_a_discriminator_that_knows_its_pictures_by_heart(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 3, *SMALL)).astype(np.uint8)
    run = trained("dcgan", tmp_path / "run", noise, steps=320, held_out=32, penalty=0.001, learning_rate=1e-3)
    assert "held-out" in found(run)["discriminator overfitted"]


@pytest.mark.learning
def test_samples_that_are_training_pictures(tmp_path: Path) -> None:
    """Two latents for four pictures: nothing but these to learn."""
    run = trained("vae", tmp_path / "run", simple_pictures(4, SMALL), steps=480, network="mlp", width=32, latent_dim=2)
    assert "more pictures" in found(run)["memorisation"]


@pytest.mark.parametrize(("rate", "better"), [(1e-12, "higher"), (1.0, "lower")])
def test_a_training_that_stands_still(rate: float, better: str, tmp_path: Path) -> None:
    """Of a rate that moves nothing, and of one that threw the weights to where nothing does."""
    steps = 32 if rate < 1 else STEPS
    run = trained("autoencoder", tmp_path / "run", steps=steps, learning_rate=rate)
    assert re.search(rf"{better} --learning-rate .*{rate:g}", found(run)["training stalled"])


def spoilt(monkeypatch: pytest.MonkeyPatch, factor: float, first: int) -> None:
    """A VAE whose loss is multiplied by a factor in one step."""
    whole = VAE.negative_elbo

    def loss(self: VAE, step: Step) -> Terms:
        return {name: term * (factor if step.index == first else 1.0) for name, term in whole(self, step).items()}

    monkeypatch.setattr(VAE, "negative_elbo", loss)


def test_a_gradient_that_exploded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spoilt(monkeypatch, 1e6, first=38)
    said = found(trained("vae", tmp_path / "run", steps=40, network="mlp"))["gradients exploding"]
    assert "the largest of the elbo" in said
    assert "--clip 1" in said


def test_a_gradient_that_is_no_number_is_said_before_training_ends_by_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spoilt(monkeypatch, float("inf"), first=36)
    heard = Heard()
    with pytest.raises(TrainingError, match="Training broke down"):
        trained("vae", tmp_path / "run", steps=40, network="mlp", reporter=heard)
    assert any(text.startswith("doctor: gradients not finite: ") for text in heard.texts)
    assert "gradients not finite" in found(Run(tmp_path / "run"))
    assert "gradients not finite" in (tmp_path / "run" / "report.html").read_text()


# Healthy


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vae", {"network": "mlp", "width": 64}),
        ("autoencoder", {"network": "mlp", "width": 64}),
        ("dcgan", {"width": 16, "learning_rate": 1e-3, "penalty": 0.5}),
    ],
)
@pytest.mark.learning
def test_nothing_is_said_of_a_healthy_training(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    heard = Heard()
    run = trained(name, tmp_path / "run", reporter=heard, **options)
    assert found(run) == {}
    assert not [text for text in heard.texts if "doctor" in text]
    assert "Nothing wrong found" in (run.path / "report.html").read_text()


# Nothing is changed by looking


def test_a_training_that_is_watched_ends_with_the_same_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Batch norms, averages, conditions that a model remembers, and PyTorch's own generator."""
    often = {"steps": 6, "report_every": BATCH}
    watched = train_tiny("cgan", simple_pictures(), tmp_path / "watched" / "run", **often)
    drawn = torch.rand(3)
    monkeypatch.setattr(Examiner, "figures", lambda self, engine, images_seen: {})
    alone = train_tiny("cgan", simple_pictures(), tmp_path / "alone" / "run", **often)
    assert final_bytes(watched).keys() == final_bytes(alone).keys()
    for name, content in final_bytes(alone).items():
        if not name.endswith(".state.safetensors"):  # it also keeps the gradient norms, which only the doctor reads
            assert final_bytes(watched)[name] == content, name
    torch.testing.assert_close(torch.rand(3), drawn)


def test_a_resumed_training_reports_the_same_health(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    often = {"steps": 6, "report_every": 3 * BATCH, "checkpoint_every": 2 * BATCH, "held_out": 8}
    pictures = simple_pictures(40)
    whole = train_tiny("dcgan", pictures, tmp_path / "whole" / "run", **often)

    def killed(self: loop.Loop) -> bool:
        return self.training.index == 5

    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_asked_to_stop", killed)
        cut = train_tiny("dcgan", pictures, tmp_path / "cut" / "run", **often)
    assert cut.checkpoints()[-1].images_seen < 6 * BATCH
    iw.train("dcgan", pictures, cut.path, resume=True, reporter=Silent())
    assert [line["health"] for line in cut.metrics()] == [line["health"] for line in whole.metrics()]
    assert final_bytes(cut) == final_bytes(whole)


def test_norms_of_gradients_are_gathered_in_any_portions() -> None:
    """The geometric mean of those that moved, the largest, and how many were no numbers; and again after a stop."""
    norms = np.random.default_rng(0).lognormal(size=700)
    norms[::7] = 0  # a network that rested
    gathered, resumed = GradientNorms(), GradientNorms()
    for number, norm in enumerate(norms):
        gathered.add("discriminator", [torch.tensor(norm)])
        if number == 400:
            resumed.restore(json.loads(json.dumps(gathered.state())), torch.device("cpu"))
        elif number > 400:
            resumed.add("discriminator", [torch.tensor(norm)])
    gathered.add("generator", [torch.tensor(3.0), torch.tensor(4.0)])
    gathered.add("generator", [torch.tensor(float("inf"))])
    figures = gathered.read()
    assert figures["gradients/discriminator/typical"] == pytest.approx(
        np.exp(np.log(norms[norms > 0]).mean()), rel=1e-5
    )
    assert figures["gradients/discriminator/largest"] == pytest.approx(norms.max(), rel=1e-6)
    assert figures["gradients/generator/typical"] == pytest.approx(5.0)
    assert figures["gradients/generator/not_finite"] == 1
    assert resumed.read().items() <= figures.items()
    assert gathered.read() == {}


# Copies of training pictures


def flat_pictures(*grey_levels: float) -> torch.Tensor:
    """Small pictures of one grey each, (N, D): their distances are the differences of their greys."""
    return torch.tensor(grey_levels, dtype=torch.float32)[:, None].expand(-1, 16 * 16).contiguous()


def test_a_copy_is_nearer_than_half_the_way_to_the_nearest_other_training_picture() -> None:
    references = References(flat_pictures(0, 40, 100, 200), mirrored=False)
    # 19 from 0 and from 40, whose nearest are 40 away; 29 from 100 (60 away); 48 from 200 (100 away).
    assert references.copies(flat_pictures(-19, 21, 129, 152)) == 1
    assert references.copies(flat_pictures(-21, 131, 148, 253)) == 0


def test_near_duplicates_of_the_training_set_are_copies_of_each_other() -> None:
    # Of 18, 56 and 200, the nearest to 0 is 18, which is 38 away from the next one; 0 itself does not count.
    assert References(flat_pictures(0, 18, 56, 200), mirrored=False).usual_copies() == 0.5
    assert References(flat_pictures(0, 20, 56, 200), mirrored=False).usual_copies() == 0.25


# What is judged, and how


def lines_of(health: Callable[[int], dict[str, float]], reports: int = 12) -> list[dict[str, Any]]:
    return [
        {"images_seen": 1000 * k, "seconds": k, "losses": {}, "learning_rates": {"decoder": 1e-3}, "health": health(k)}
        for k in range(1, reports + 1)
    ]


def run_with(path: Path, lines: list[dict[str, Any]], model: str = "vae", **config: Any) -> Run:
    plan = {"images_seen": 10_000, "batch_size": 10, "learning_rate": 1e-3}
    path.mkdir()
    (path / "run.json").write_text(json.dumps({"model": model, "config": config, "plan": plan}))
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Run(path)


def test_one_odd_report_is_no_finding_three_are(tmp_path: Path) -> None:
    for odd in (1, 2, 3):
        lines = lines_of(lambda k, odd=odd: {"posterior/nats": 0.1 if k > 12 - odd else 40.0})
        assert (found(run_with(tmp_path / str(odd), lines)) != {}) == (odd == 3)


def test_a_finding_says_since_when_and_passes(tmp_path: Path) -> None:
    ill = run_with(tmp_path / "ill", lines_of(lambda k: {"posterior/nats": 0.1 if k > 5 else 40.0}))
    (finding,) = iw.doctor(ill)
    assert finding.images_seen == 8000  # the third of the reports that say so
    assert iw.doctor(run_with(tmp_path / "well", lines_of(lambda k: {"posterior/nats": 0.1 if k < 9 else 40.0}))) == []


def test_pictures_that_become_less_alike_are_no_collapse(tmp_path: Path) -> None:
    assert found(run_with(tmp_path / "still", lines_of(lambda k: {"samples/spread": 0.1}))).keys() == {"collapse"}
    assert found(run_with(tmp_path / "grows", lines_of(lambda k: {"samples/spread": 0.02 * k}))) == {}


def test_latents_that_say_nothing_and_a_shorter_code(tmp_path: Path) -> None:
    health = {"posterior/nats": 9.0, "posterior/latents": 64.0, "posterior/dead": 60.0}
    said = found(run_with(tmp_path / "dead", lines_of(lambda k: health), beta=1.0))
    assert re.search(r"60 of 64 .*0\.01 nats", said["dead latents"])
    assert "--latent-dim 8" in said["dead latents"]


def test_a_schedule_that_ends_at_nothing_is_no_standstill(tmp_path: Path) -> None:
    lines = lines_of(lambda k: {"step/decoder": 1e-3 if k < 9 else 1e-9})
    for line in lines[8:]:
        line["learning_rates"] = {"decoder": 1e-9}
    assert found(run_with(tmp_path / "cosine", lines)) == {}


@pytest.mark.parametrize("model", ["dcgan", "vae"])
def test_suggestions_name_options_that_the_model_has(model: str, tmp_path: Path) -> None:
    health = {"discriminator/distance": 20.0, "samples/spread": 0.01, "posterior/nats": 0.0}
    config = {"dcgan": {"penalty": None, "generator_every": None, "loss": "hinge"}, "vae": {"beta": 1.0}}[model]
    said = " ".join(found(run_with(tmp_path / "run", lines_of(lambda k: health), model, **config)).values())
    assert ("--beta" in said) == (model == "vae")
    assert ("--penalty" in said) == (model == "dcgan")


@pytest.mark.parametrize("health", ["text", [1], {"posterior/nats": "none"}, {"posterior/nats": None}, {}])
def test_health_that_is_damaged_is_passed_over(health: Any, tmp_path: Path) -> None:
    run = run_with(
        tmp_path / "run", [line | {"health": health, "learning_rates": 3} for line in lines_of(lambda k: {})]
    )
    assert iw.doctor(run) == []
