"""TensorBoard's files have the figures of the reports, each once, also in a resumed run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny import BATCH, simple_pictures, train_tiny

from imagewright.errors import UserError
from imagewright.runs.run import Run


def scalars(run: Run) -> dict[str, dict[int, float]]:
    """Every curve: values by images seen, by the name of the curve."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed (extra track)"
    )
    events = accumulator.EventAccumulator(str(run.path / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    assert events.Tags()["images"] == ["samples"]
    return {tag: {each.step: each.value for each in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


# TensorBoard's generated code warns on newer Pythons.
@pytest.mark.learning
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_curves_equal_the_reports_and_continue_in_a_resumed_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed (extra track)")
    often = {"report_every": BATCH, "checkpoint_every": 2 * BATCH}
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=4, tensorboard=True, **often)
    train_tiny("vae", simple_pictures(), tmp_path / "run", steps=6, resume=True, **often)
    found = scalars(run)
    for report in run.metrics():
        for name, value in {**report["losses"], **report["derived_metrics"]}.items():
            assert found[name][report["images_seen"]] == pytest.approx(value, rel=1e-5)
    assert set(found["learning rate/decoder"]) == {BATCH * step for step in range(1, 7)}


def test_without_the_package_the_option_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r"imagewright\[track\]"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()
