"""The training doctor on short trainings: it finds provoked problems, finds none in healthy runs, changes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH, Messages, final_bytes, simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.errors import TrainingError
from imagewright.models.autoencoding.vae import VAE
from imagewright.phases import Step, Terms
from imagewright.runs.run import Run
from imagewright.training import loop
from imagewright.training.doctor.gradient_norms import GradientNorms
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.doctor.sample_distances import References, roughness
from imagewright.training.reporting import Silent
from imagewright.training.train import Stopped

STEPS = 240  # a little more than the steps for which the doctor waits
SMALL = (8, 8)


def train(name: str, out: Path, pictures: np.ndarray | None = None, steps: int = STEPS, **options: Any) -> Run:
    """A short training with twelve reports, or with eight if it has fewer than 240 steps."""
    pictures = simple_pictures(48, SMALL) if pictures is None else pictures
    return train_tiny(
        name, pictures, out, steps=steps, report_every=steps // (12 if steps >= STEPS else 8) * BATCH, **options
    )


def findings(run: Run) -> dict[str, str]:
    return {finding.name: str(finding) for finding in iw.doctor(run)}


# Provoked problems


@pytest.mark.learning
def test_a_collapsed_posterior_and_collapsed_samples(tmp_path: Path) -> None:
    messages = Messages()
    run = train("vae", tmp_path / "run", beta=1000.0, network="mlp", reporter=messages)
    found = findings(run)
    assert re.search(r"threshold 1\b.*Try --beta 1 \(now 1000\)", found["posterior collapse"])
    assert re.search(r"threshold 0\.3\b.*Try --beta 1 \(now 1000\)", found["collapse"])
    logged = [text for text in messages.texts if text.startswith("doctor: posterior collapse: ")]
    assert len(logged) == 1, "a finding is logged once, when it is new"
    assert "posterior collapse" in (run.path / "report.html").read_text()
    assert "posterior collapse" in {finding["name"] for finding in run.metrics()[-1]["findings"]}


@pytest.mark.learning
def test_a_discriminator_far_ahead_of_a_generator_with_few_updates(tmp_path: Path) -> None:
    found = findings(train("dcgan", tmp_path / "run", generator_every=50))
    assert "--generator-every 1" in found["discriminator far ahead"]


@pytest.mark.learning
def test_a_discriminator_with_too_strong_a_penalty(tmp_path: Path) -> None:
    found = findings(train("dcgan", tmp_path / "run", penalty=1e5))
    assert re.search(r"--penalty .*100000", found["discriminator far behind"])


@pytest.mark.learning
def test_an_overfitted_discriminator(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 3, *SMALL)).astype(np.uint8)
    run = train("dcgan", tmp_path / "run", noise, steps=320, held_out=32, penalty=0.001, learning_rate=1e-3)
    assert "held-out" in findings(run)["discriminator overfitted"]


@pytest.mark.learning
def test_samples_that_are_training_pictures(tmp_path: Path) -> None:
    """Two latents are enough to memorise four pictures."""
    run = train("vae", tmp_path / "run", simple_pictures(4, SMALL), steps=480, network="mlp", width=32, latent_dim=2)
    assert "more pictures" in findings(run)["memorisation"]


@pytest.mark.parametrize(("rate", "better"), [(1e-12, "higher"), (1.0, "lower")])
def test_a_training_that_is_stalled(rate: float, better: str, tmp_path: Path) -> None:
    """By a rate that moves nothing, or by one that moved the weights to where gradients vanish."""
    steps = 32 if rate < 1 else STEPS
    run = train("autoencoder", tmp_path / "run", steps=steps, learning_rate=rate)
    tried = re.search(rf"Try --learning-rate (\S+) \(now {rate:g}\)", findings(run)["training stalled"])
    assert tried is not None
    assert (float(tried[1]) > 1000 * rate) if better == "higher" else (float(tried[1]) <= 0.1 * rate)


def test_a_training_that_is_too_short_to_move(tmp_path: Path) -> None:
    run = train("autoencoder", tmp_path / "run", steps=32, learning_rate=1e-5)
    assert "Try --images-seen 1600 (now 256): 32 steps are few" in findings(run)["training stalled"]


def multiply_loss(monkeypatch: pytest.MonkeyPatch, factor: float, index: int) -> None:
    """Multiply the VAE's loss by a factor in one step."""
    original = VAE.negative_elbo

    def loss(self: VAE, step: Step) -> Terms:
        return {name: term * (factor if step.index == index else 1.0) for name, term in original(self, step).items()}

    monkeypatch.setattr(VAE, "negative_elbo", loss)


def test_an_exploding_gradient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    multiply_loss(monkeypatch, 1e6, index=38)
    found = findings(train("vae", tmp_path / "run", steps=40, network="mlp"))["gradients exploding"]
    assert "elbo" in found
    assert "threshold 100" in found
    assert "--clip 1" in found


def test_an_infinite_gradient_is_reported_before_it_ends_the_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    multiply_loss(monkeypatch, float("inf"), index=36)
    messages = Messages()
    with pytest.raises(TrainingError, match="Training diverged"):
        train("vae", tmp_path / "run", steps=40, network="mlp", reporter=messages)
    assert any(text.startswith("doctor: gradients not finite: ") for text in messages.texts)
    assert "gradients not finite" in findings(Run(tmp_path / "run"))
    assert "gradients not finite" in (tmp_path / "run" / "report.html").read_text()


# Healthy trainings


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vae", {"network": "mlp", "width": 64}),
        ("autoencoder", {"network": "mlp", "width": 64}),
        ("dcgan", {"width": 16, "learning_rate": 1e-3, "penalty": 0.5}),
    ],
)
@pytest.mark.learning
def test_a_healthy_training_has_no_findings(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    messages = Messages()
    run = train(name, tmp_path / "run", reporter=messages, **options)
    assert findings(run) == {}
    assert not [text for text in messages.texts if "doctor" in text]
    assert "Too short to judge" in (run.path / "report.html").read_text()  # fewer than 1,000 steps


# No side effects


def test_weights_are_the_same_with_and_without_the_doctor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Batch norms, averages, a buffer of conditions, and PyTorch's own generator are as without measurements."""
    often = {"steps": 6, "report_every": BATCH}
    measured = train_tiny("cgan", simple_pictures(), tmp_path / "measured" / "run", **often)
    numbers = torch.rand(3)
    monkeypatch.setattr(Examiner, "measure", lambda self, engine, images_seen: {})
    plain = train_tiny("cgan", simple_pictures(), tmp_path / "plain" / "run", **often)
    assert final_bytes(measured).keys() == final_bytes(plain).keys()
    for name, content in final_bytes(plain).items():
        if not name.endswith(".state.safetensors"):  # it has the gradient norms, which only measurements reset
            assert final_bytes(measured)[name] == content, name
    torch.testing.assert_close(torch.rand(3), numbers)


def test_a_resumed_training_reports_the_same_health(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    often = {"steps": 6, "report_every": 3 * BATCH, "checkpoint_every": 2 * BATCH, "held_out": 8}
    pictures = simple_pictures(40)
    whole = train_tiny("dcgan", pictures, tmp_path / "whole" / "run", **often)

    def stop_at_step_5(self: loop.Loop) -> bool:
        return self.training.index == 5

    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_must_stop", stop_at_step_5)
        with pytest.raises(Stopped):
            train_tiny("dcgan", pictures, tmp_path / "stopped" / "run", **often)
    stopped = iw.Run(tmp_path / "stopped" / "run")
    assert stopped.checkpoints()[-1].images_seen < 6 * BATCH
    iw.train("dcgan", pictures, stopped.path, resume=True, reporter=Silent())
    assert [report["health"] for report in stopped.metrics()] == [report["health"] for report in whole.metrics()]
    assert final_bytes(stopped) == final_bytes(whole)


@pytest.mark.parametrize("name", ["dcgan", "vae", "infogan", "vae_gan"])
def test_a_training_on_one_picture_is_measured_as_far_as_it_goes(name: str, tmp_path: Path) -> None:
    run = train_tiny(name, simple_pictures(1), tmp_path / "run", steps=2)
    health = run.metrics()[-1]["health"]
    assert any(figure.startswith("step/") for figure in health)
    assert not any(figure.startswith("samples/") for figure in health)


# Measurements


def test_gradient_norms_do_not_depend_on_when_they_are_summed_or_saved() -> None:
    """The geometric mean of positive norms, the largest norm, and the number of norms that are not finite."""
    norms = np.random.default_rng(0).lognormal(size=700)
    norms[::7] = 0  # as of a network that skips its update
    unbroken, resumed = GradientNorms(), GradientNorms()
    for number, norm in enumerate(norms):
        unbroken.add("discriminator", [torch.tensor(norm)])
        if number == 400:
            resumed.load_state_dict(json.loads(json.dumps(unbroken.state_dict())), torch.device("cpu"))
        elif number > 400:
            resumed.add("discriminator", [torch.tensor(norm)])
    unbroken.add("generator", [torch.tensor(3.0), torch.tensor(4.0)])
    unbroken.add("generator", [torch.tensor(float("inf"))])
    figures = unbroken.read()
    assert figures["gradients/discriminator/typical"] == pytest.approx(
        np.exp(np.log(norms[norms > 0]).mean()), rel=1e-5
    )
    assert figures["gradients/discriminator/largest"] == pytest.approx(norms.max(), rel=1e-6)
    assert figures["gradients/generator/typical"] == pytest.approx(5.0)
    assert figures["gradients/generator/not_finite"] == 1
    assert resumed.read().items() <= figures.items()
    assert unbroken.read() == {}


def flat_pictures(*grey_levels: float) -> torch.Tensor:
    """Small pictures of one grey level each, (N, D). Their distances are differences of grey levels, times 16."""
    return torch.tensor(grey_levels, dtype=torch.float32)[:, None].expand(-1, 16 * 16).contiguous()


def test_a_copy_is_nearer_than_half_the_distance_from_the_training_picture_to_its_nearest_other() -> None:
    references = References(flat_pictures(0, 40, 100, 200), mirrored=False)
    # 19 from 0 and from 40, whose nearest are 40 away; 29 from 100 (60 away); 48 from 200 (100 away).
    assert references.copy_share(flat_pictures(-19, 21, 129, 152)) == 1
    assert references.copy_share(flat_pictures(-21, 131, 148, 253)) == 0


def test_near_duplicates_in_the_training_set_are_copies_of_each_other() -> None:
    # The nearest to 0 is 18, whose nearest other without 0 is 56, 38 away: 18 < 38 / 2. With 20: 20 > 36 / 2.
    assert References(flat_pictures(0, 18, 56, 200), mirrored=False).duplicate_share() == 0.5
    assert References(flat_pictures(0, 20, 56, 200), mirrored=False).duplicate_share() == 0.25


def test_copies_of_pictures_that_are_held_several_times_are_copies() -> None:
    once, thrice = (References(flat_pictures(0, 40, 100, 200).repeat(n, 1), mirrored=False) for n in (1, 3))
    assert once.copy_share(flat_pictures(1, 41, 70, 199)) == thrice.copy_share(flat_pictures(1, 41, 70, 199)) == 0.75
    assert once.nearest_distance == thrice.nearest_distance


# Pictures


def test_roughness_is_one_for_white_noise_and_small_for_smooth_pictures() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (8, 3, 32, 32), generator=generator, dtype=torch.uint8)
    assert roughness(noise) == pytest.approx(1, abs=0.05)
    ramp = torch.arange(0, 256, 8, dtype=torch.uint8).expand(2, 1, 32, 32)
    assert roughness(ramp) < 0.01
    assert roughness(torch.full((2, 1, 4, 4), 7, dtype=torch.uint8)) == 0


def examined(model: Any, pictures: np.ndarray, labels: np.ndarray | None = None) -> dict[str, float]:
    images = iw.open_images(pictures)
    if labels is not None:
        images = images.with_labels(labels, model.class_names)
    return Examiner(model, {"images": images}, np.empty(0, np.int64), 0)._measure_images()


def test_samples_of_an_untrained_generator_are_noise() -> None:
    ramp = np.linspace(0, 200, 32) + np.linspace(0, 50, 20)[:, None]
    pictures = np.broadcast_to(ramp[:, None, None], (20, 3, 32, 32)).astype(np.uint8)
    figures = examined(tiny_model("dcgan", (32, 32)).eval(), pictures)
    assert figures["samples/roughness"] > 3 * figures["training/roughness"]
    assert figures["samples/roughness"] > 0.2


def test_one_picture_a_class_is_measured_within_classes() -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (40, 3, 4, 4)).astype(np.uint8).repeat(4, 2).repeat(4, 3)
    model = tiny_model("cgan").eval()
    classes = len(model.class_names)
    labels = np.arange(40) % classes

    def one_picture_a_class(latents: torch.Tensor) -> torch.Tensor:
        return latents[:, -classes:].argmax(1)[:, None, None, None].expand(-1, *model.config.image_shape) - 0.5

    healthy = torch.randn(1000, 3, 4, 4, generator=torch.Generator().manual_seed(1)).tanh()

    def varied(latents: torch.Tensor) -> torch.Tensor:
        return healthy[: len(latents)].repeat_interleave(4, 2).repeat_interleave(4, 3)

    for decode, collapsed in ((one_picture_a_class, classes), (varied, 0)):
        model.decode = decode
        figures = examined(model, pictures, labels)
        assert figures["samples/classes"] == classes
        assert figures["samples/collapsed_classes"] == collapsed
