"""The suggestions of the doctor: an option with its value, the sentence made of it, and reports of older versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny import train_tiny

import imagewright as iw
from imagewright.runs.report.page import write_report
from imagewright.training.doctor.findings import Finding, diagnose
from imagewright.training.doctor.remedies import Remedy, stored_remedy

PLAN: dict[str, Any] = {"learning_rate": 0.002, "images_seen": 10_000, "batch_size": 10}
AHEAD = {"discriminator/distance": 20.0}
BEHIND = {"discriminator/training_over_samples": 0.1}
OVERFITTED = {"discriminator/training_over_held_out": 0.9, "discriminator/held_out": 96.0}
COLLAPSED = {"samples/spread": 0.1}
NO_POSTERIOR = {"posterior/nats": 0.1, "posterior/latents": 64.0}
COPIED = {"swap/to_source": 0.9, "swap/to_target": 0.5}
NOISE = {"samples/roughness": 0.9, "training/roughness": 0.14}


def remedy_of(health: dict[str, float], config: dict[str, Any], plan: dict[str, Any], seen: int = 12_000) -> Finding:
    """The first finding if twelve reports have these figures."""
    reports = [
        {"images_seen": seen * k // 12, "learning_rates": {"decoder": 0.002}, "health": health} for k in range(1, 13)
    ]
    return diagnose(reports, {"config": config, "plan": PLAN | plan}, ended=True)[0]


@pytest.mark.parametrize(
    ("health", "config", "plan", "options", "sentence"),
    [
        (AHEAD, {"penalty": 0.5}, {}, {"penalty": 2}, "Try --penalty 2 (now 0.5)."),
        (AHEAD, {}, {}, {"learning_rate": 0.001}, "Try --learning-rate 0.001 (now 0.002)."),
        (BEHIND, {"penalty": 40.0}, {}, {"penalty": 20}, "Try --penalty 20 (now 40)."),
        (BEHIND, {"generator_every": 1}, {}, {"generator_every": 2}, "Try --generator-every 2."),
        (NO_POSTERIOR, {"beta": 4.0}, {}, {"beta": 1}, "Try --beta 1 (now 4)."),
        (NO_POSTERIOR, {"beta": 1.0}, {}, {"beta": 0.1}, "Try --beta 0.1."),
        (COLLAPSED, {"loss": "hinge", "penalty": 1.0}, {}, {"loss": "relativistic"}, "Try --loss relativistic."),
        (OVERFITTED, {"penalty": 1.0}, {}, {"flip": True}, "Try --flip if mirror images are as likely"),
        (NOISE, {}, {}, {"images_seen": 20_000}, "Try --images-seen 20000 (now 10000); if samples stay noise"),
        (COPIED, {"architecture": "liae"}, {}, {"architecture": "df"}, "Try --architecture df, which keeps"),
        ({"step/decoder": 1e-9}, {}, {}, {"learning_rate": 0.01}, "Try --learning-rate 0.01 (now 0.002)."),
        ({"gradients/elbo/not_finite": 1.0}, {}, {}, {"clip": 1}, "Try --clip 1."),
        ({"gradients/elbo/not_finite": 1.0}, {}, {"clip": 1.0}, {"learning_rate": 0.001}, "Try --learning-rate 0.001"),
        ({"swap/poses_missing": 0.5}, {}, {}, {}, "Add pictures of the source"),
        (AHEAD, {}, {"learning_rate": 0.0}, {}, "Try a lower --learning-rate."),
    ],
)
def test_a_suggestion_is_an_option_with_a_value(
    health: dict[str, float], config: dict[str, Any], plan: dict[str, Any], options: dict[str, Any], sentence: str
) -> None:
    found = remedy_of(health, config, plan)
    assert found.remedy.options == options
    assert found.suggestion.startswith(sentence)
    assert str(found).endswith(found.suggestion)
    stored = json.loads(json.dumps(found.to_dict()))
    assert stored["suggestion"] == found.suggestion
    assert stored_remedy(stored).options == options


def test_a_run_that_was_stopped_is_to_be_trained_on() -> None:
    for health in (NOISE, COPIED):
        found = remedy_of(health, {}, {}, seen=6000)
        assert found.remedy.resumes
        assert found.suggestion == "Train on by --resume: 6,000 of 10,000 images are seen."
        assert stored_remedy(found.to_dict()) == Remedy(resumes=True)


def test_pictures_that_are_mirrored_already_are_not_to_be_mirrored() -> None:
    reports = [{"images_seen": 4000 * k, "health": OVERFITTED} for k in (1, 2, 3)]
    record = {"config": {"penalty": 1.0}, "plan": PLAN, "source": {"flip": True}}
    (found,) = diagnose(reports, record)
    assert found.remedy.options == {"images_seen": 5000}


@pytest.mark.parametrize("remedy", [None, 3, {}, {"option": 3, "value": 2}, {"option": "beta"}, {"value": []}])
def test_findings_of_older_versions_and_damaged_ones_have_no_option(remedy: Any) -> None:
    assert stored_remedy({"suggestion": "Try --penalty 2 (now 0.5).", "remedy": remedy}) == Remedy()


def test_a_run_with_findings_of_an_older_version_loads_and_reports(tmp_path: Path) -> None:
    path = train_tiny("vae", out=tmp_path / "run").path
    *earlier, last = (path / "metrics.jsonl").read_text().splitlines()
    finding = {"name": "collapse", "evidence": "x", "suggestion": "Try --beta 1 (now 4).", "images_seen": 8}
    (path / "metrics.jsonl").write_text("\n".join([*earlier, json.dumps(json.loads(last) | {"findings": [finding]})]))
    assert "Try --beta 1 (now 4)." in write_report(path).read_text()
    assert iw.sample(path, 1).shape[0] == 1
