"""The rules of the training doctor on written reports: when they hold, for which discriminators, and what to try."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import imagewright as iw
from imagewright.runs.run import Run
from imagewright.training.doctor.findings import diagnose, examine_reports, rules_applied
from imagewright.training.doctor.rules import NEEDED, RULES

PLAN = {"images_seen": 10_000, "batch_size": 10, "learning_rate": 1e-3}

# Figures of a healthy discriminator.
HEALTHY = {"distance": 2.0, "training_over_samples": 0.8, "training_over_held_out": 0.5, "held_out": 96.0}


def write_reports(health: Callable[[int], dict[str, float]], reports: int = 12) -> list[dict[str, Any]]:
    """Reports at 1000, 2000 ... images with the given figures."""
    return [
        {"images_seen": 1000 * k, "seconds": k, "losses": {}, "learning_rates": {"decoder": 1e-3}, "health": health(k)}
        for k in range(1, reports + 1)
    ]


def write_run(path: Path, reports: list[dict[str, Any]], model: str = "vae", **config: Any) -> Run:
    path.mkdir()
    whole = {"size": [16, 16], "channels": 3, **config}
    (path / "run.json").write_text(json.dumps({"model": model, "config": whole, "plan": PLAN}))
    (path / "metrics.jsonl").write_text("".join(json.dumps(report) + "\n" for report in reports))
    return Run(path)


def findings(run: Run) -> dict[str, str]:
    return {finding.name: str(finding) for finding in iw.doctor(run)}


def find(health: dict[str, float], **config: Any) -> dict[str, str]:
    """Findings if all reports have the same figures."""
    reports = write_reports(lambda k: health)
    return {finding.name: str(finding) for finding in diagnose(reports, {"config": config, "plan": PLAN})}


# When a rule holds


def test_a_finding_needs_three_reports_in_a_row(tmp_path: Path) -> None:
    for bad in (1, 2, 3):
        reports = write_reports(lambda k, bad=bad: {"posterior/nats": 0.1 if k > 12 - bad else 40.0})
        assert (findings(write_run(tmp_path / str(bad), reports)) != {}) == (bad == 3)


def test_a_finding_says_since_when_it_holds_and_ends(tmp_path: Path) -> None:
    bad = write_run(tmp_path / "bad", write_reports(lambda k: {"posterior/nats": 0.1 if k > 5 else 40.0}))
    (finding,) = iw.doctor(bad)
    assert finding.images_seen == 8000, "the third of the bad reports"
    recovered = write_reports(lambda k: {"posterior/nats": 0.1 if k < 9 else 40.0})
    assert iw.doctor(write_run(tmp_path / "recovered", recovered)) == []


def test_samples_that_become_more_diverse_have_not_collapsed(tmp_path: Path) -> None:
    constant = write_run(tmp_path / "constant", write_reports(lambda k: {"samples/spread": 0.1}))
    assert findings(constant).keys() == {"collapse"}
    growing = write_run(tmp_path / "growing", write_reports(lambda k: {"samples/spread": 0.02 * k}))
    assert findings(growing) == {}


def test_dead_latents_and_a_shorter_code(tmp_path: Path) -> None:
    health = {"posterior/nats": 9.0, "posterior/latents": 64.0, "posterior/dead": 60.0}
    found = findings(write_run(tmp_path / "dead", write_reports(lambda k: health), beta=1.0))
    assert re.search(r"60 of 64 .*0\.01 nats", found["dead latents"])
    assert "--latent-dim 8" in found["dead latents"]


def test_a_schedule_that_ends_at_zero_is_not_stalled(tmp_path: Path) -> None:
    reports = write_reports(lambda k: {"step/decoder": 1e-3 if k < 9 else 1e-9})
    for report in reports[8:]:
        report["learning_rates"] = {"decoder": 1e-9}
    assert findings(write_run(tmp_path / "cosine", reports)) == {}


@pytest.mark.parametrize("model", ["dcgan", "vae"])
def test_suggestions_name_options_that_the_model_has(model: str, tmp_path: Path) -> None:
    health = {"discriminator/distance": 20.0, "samples/spread": 0.01, "posterior/nats": 0.0}
    config = {"dcgan": {"penalty": None, "generator_every": None, "loss": "hinge"}, "vae": {"beta": 1.0}}[model]
    run = write_run(tmp_path / "run", write_reports(lambda k: health), model, **config)
    suggestions = " ".join(findings(run).values())
    assert ("--beta" in suggestions) == (model == "vae")
    assert ("--penalty" in suggestions) == (model == "dcgan")


def test_latents_far_from_the_prior_are_found_with_how_far_and_what_to_do() -> None:
    health = {"posterior/nats": 200.0, "posterior/latents": 64.0, "aggregate/nats": 62.0}
    health |= {"aggregate/largest_deviation": 3.3, "aggregate/median_deviation": 2.06}
    found = find(health)["prior and latents apart"]
    assert re.search(r"up to 3\.3 \(median 2\.1\).*62 nats.*threshold 16.*--sample-from fitted", found)
    assert find(health | {"aggregate/nats": 3.5}) == {}, "a healthy training on digits"


@pytest.mark.parametrize("health", ["text", [1], {"posterior/nats": "none"}, {"posterior/nats": None}, {}])
def test_damaged_figures_are_ignored(health: Any, tmp_path: Path) -> None:
    reports = [report | {"health": health, "learning_rates": 3} for report in write_reports(lambda k: {})]
    run = write_run(tmp_path / "run", reports)
    assert iw.doctor(run) == []


# Discriminators, whatever their names


def figures_of(name: str, **changes: float) -> dict[str, float]:
    """The figures of a healthy discriminator, with changes."""
    return {f"{name}/{figure}": value for figure, value in (HEALTHY | changes).items()}


PROBLEMS = [
    ("discriminator far ahead", {"distance": 9.3}, r"9\.3 .*threshold 8\b"),
    ("discriminator far behind", {"training_over_samples": 0.1}, r"0\.10 .*threshold 0\.25\b"),
    # 0.6 + 2 sqrt((1 / 96 + 1 / 96) / 12)
    ("discriminator overfitted", {"training_over_held_out": 0.9}, r"0\.90 .*threshold 0\.68\b"),
]


@pytest.mark.parametrize(("finding", "changes", "evidence"), PROBLEMS)
def test_the_only_discriminator_needs_no_name_in_the_evidence(
    finding: str, changes: dict[str, float], evidence: str
) -> None:
    found = find(figures_of("discriminator", **changes))
    assert found.keys() == {finding}
    assert re.search(rf"^{finding}: [^:]*{evidence}", found[finding])


@pytest.mark.parametrize(("finding", "changes", "evidence"), PROBLEMS)
@pytest.mark.parametrize("bad", [("d_a",), ("d_b",), ("d_a", "d_b")])
def test_each_of_two_discriminators_is_diagnosed_and_named(
    bad: tuple[str, ...], finding: str, changes: dict[str, float], evidence: str
) -> None:
    health = {}
    for name in ("d_a", "d_b"):
        health |= figures_of(name, **(changes if name in bad else {}))
    found = find(health)
    assert found.keys() == {finding}
    for name in ("d_a", "d_b"):
        assert bool(re.search(rf"\b{name}: [^;]*{evidence}", found[finding])) == (name in bad)


def test_two_healthy_discriminators_have_no_findings() -> None:
    assert find(figures_of("d_a") | figures_of("d_b")) == {}


def test_a_stalled_discriminator_that_is_far_behind_gets_the_suggestion_for_that() -> None:
    health = figures_of("d_a", training_over_samples=0.1) | figures_of("d_b") | {"step/d_a": 1e-9, "step/d_b": 1e-2}
    reports = write_reports(lambda k: health)
    for report in reports:
        report["learning_rates"] = {"d_a": 1e-3, "d_b": 1e-3}
    found = {each.name: each for each in diagnose(reports, {"config": {"penalty": 40.0}, "plan": PLAN})}
    assert found.keys() == {"training stalled", "discriminator far behind"}
    assert "d_a" in found["training stalled"].evidence
    assert re.search(r"--penalty .*40", found["training stalled"].suggestion)


def test_a_training_of_a_few_steps_is_told_to_go_on() -> None:
    reports = write_reports(lambda k: {"step/decoder": 1e-3})
    (found,) = diagnose(reports, {"config": {}, "plan": {**PLAN, "images_seen": 80}})
    assert found.name == "training stalled"
    assert re.search(r"Try --images-seen 2000 \(now 80\): 8 steps", found.suggestion)


def test_rules_apply_if_a_figure_of_theirs_is_in_the_last_report() -> None:
    def applied(*names: str) -> list[str]:
        return rules_applied(write_reports(lambda k: dict.fromkeys(names, 1.0)))

    assert applied("d_a/distance", "d_a/training_over_samples") == [
        "discriminator far ahead",
        "discriminator far behind",
    ]
    assert applied("d_b/training_over_held_out") == ["discriminator overfitted"]
    assert applied("gradients/elbo/largest") == ["gradients not finite", "gradients exploding"]
    assert applied("step/decoder") == ["training stalled"]
    assert applied("reconstructions/spread") == ["collapse"]
    assert applied("posterior/nats", "posterior/dead") == ["posterior collapse", "dead latents"]
    assert applied("samples/copies") == ["memorisation"]
    assert applied("samples/distances", "distance") == []


# Too early, stopped, and not examined


def test_nothing_is_called_fine_that_was_not_examined() -> None:
    health = {"posterior/nats": 40.0, "samples/spread": 0.9, "gradients/elbo/largest": 1.0}
    record = {"config": {}, "plan": PLAN}
    reports = write_reports(lambda k: health, reports=2)
    found = examine_reports(reports, record, ended=False)
    assert found.headline is not None
    assert found.headline.startswith("Too early to say")
    assert found.too_early == ["gradients exploding", "collapse", "posterior collapse"]
    assert (
        found.waits_for == 3000
    )  # a fifth of the training, or 200 steps of ten, are 2,000; the third report is at 3,000
    later = examine_reports(write_reports(lambda k: health, reports=4), record, ended=False)
    assert later.too_early == []
    assert (later.headline or "").startswith("Too early to say")  # 400 steps of ten
    long = examine_reports(write_reports(lambda k: health, reports=10), record, ended=False)
    assert long.headline is not None
    assert long.headline.startswith("Nothing wrong found in what was examined at 10,000 images seen.")
    assert long.headline.endswith("No rule examines whether pictures are good.")
    assert {*later.examined, *later.not_measured} == set(RULES)
    assert "memorisation" in later.not_measured
    assert later.lines()[-2].startswith("Not examined, as this model has no such figures: ")
    assert "whether samples are of the class" in later.lines()[-1]
    assert set(NEEDED) == set(RULES)


def test_a_stopped_training_is_judged_as_it_is() -> None:
    plan = PLAN | {"images_seen": 1_000_000}
    reports = write_reports(lambda k: {"samples/spread": 0.05}, reports=2)
    running = examine_reports(reports, {"config": {}, "plan": plan}, ended=False)
    assert running.findings == []
    assert "collapse" in running.too_early
    stopped = examine_reports(reports, {"config": {}, "plan": plan}, ended=True)
    assert [finding.name for finding in stopped.findings] == ["collapse"]
    assert "Stopped at 2,000 of 1,000,000 images: judged as it is. --resume goes on." in stopped.lines()
    hardly = examine_reports(reports[:1], {"config": {}, "plan": plan}, ended=True)
    assert hardly.findings == []
    assert (hardly.headline or "").startswith("Too short to judge: 1,000 images seen.")
    assert "from some 10,000 images on" in (hardly.headline or "")
    assert "Those need a training of 2,000 images seen." in "\n".join(hardly.lines())


def test_a_short_training_is_not_called_fine_at_its_end() -> None:
    """Three reports, after which all rules but one were examined, and found nothing."""
    plan = PLAN | {"images_seen": 3_000}
    reports = write_reports(lambda k: {"samples/spread": 0.9, "gradients/elbo/largest": 1.0}, reports=3)
    found = examine_reports(reports, {"config": {}, "plan": plan})
    assert (found.headline or "").startswith("Too short to judge: 3,000 images seen.")
    assert "Too early for: gradients exploding. Those need more reports." in found.lines()


def test_noise_is_found_however_short_an_ended_training_was() -> None:
    noise = {"samples/roughness": 0.9, "training/roughness": 0.14, "samples/spread": 0.5}
    reports = write_reports(lambda k: noise, reports=1)
    record = {"config": {}, "plan": PLAN | {"images_seen": 50_000}}
    (found,) = diagnose(reports, record, ended=True)
    assert found.name == "noise"
    assert "--resume: 1,000 of 50,000" in found.suggestion
    assert diagnose(reports, record, ended=False) == []
    assert find(noise).keys() == {"noise"}
    assert find(noise | {"samples/roughness": 0.4}) == {}
    assert find(noise | {"training/roughness": 0.5}) == {}


def test_one_picture_a_class_is_a_collapse_within_classes() -> None:
    health = {"samples/spread": 0.9, "samples/classes": 10.0, "samples/class_spread": 0.05}
    found = find(health | {"samples/collapsed_classes": 9.0})
    assert found.keys() == {"collapse within classes"}
    assert "in 9 of 10 classes" in found["collapse within classes"]
    assert find(health | {"samples/collapsed_classes": 4.0}) == {}
