"""The suggestions of the doctor, read as options of a new training."""

from __future__ import annotations

from typing import Any

import pytest

from imagewright.training.doctor.remedies import Remedy, read_remedy

RECORD: dict[str, Any] = {
    "plan": {"learning_rate": 0.002, "images_seen": 1000},
    "config": {"penalty": 0.5, "beta": 4, "mask": 2.0, "loss": "hinge", "latent_dim": 64, "architecture": "df"},
    "options": {"clip": None},
}


@pytest.mark.parametrize(
    ("suggestion", "options"),
    [
        ("Try --penalty 2 (now 0.5).", {"penalty": 2}),
        ("Try a weaker --penalty (now 0.5).", {"penalty": 0.25}),
        ("Try a lower --learning-rate (now 0.002).", {"learning_rate": 0.001}),
        ("Try a lower --beta (now 4), such as 1.", {"beta": 1}),
        ("Try --beta 0.1.", {"beta": 0.1}),
        ("Try --latent-dim 12: a smaller code for the same pictures.", {"latent_dim": 12}),
        ("Try --loss relativistic.", {"loss": "relativistic"}),
        ("Try --architecture df, which keeps the identity of the source.", {"architecture": "df"}),
        ("Try --mask 8 (now 2), or convert with --mask hull.", {"mask": 8}),
        ("Try more --images-seen; if samples stay noise, a lower --learning-rate.", {"images_seen": 2000}),
        ("Sample from the density (--sample-from fitted), or try more --images-seen.", {"images_seen": 2000}),
        ("Try more pictures, --flip if mirror images are as likely, or fewer --images-seen.", {"flip": True}),
        ("Try --clip 1.", {"clip": 1}),
        ("Convert with --mask hull.", {}),
        ("Add pictures of the source: swap extract, and train with --from this run.", {}),
    ],
)
def test_a_suggestion_is_an_option(suggestion: str, options: dict[str, Any]) -> None:
    assert read_remedy(suggestion, RECORD) == Remedy(options)


def test_some_runs_are_only_to_be_trained_on() -> None:
    assert read_remedy("Train on, by --resume: 3 of 4 images are seen.", RECORD) == Remedy(resumes=True)
