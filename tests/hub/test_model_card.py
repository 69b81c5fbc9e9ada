"""The model card and what is published with it: read by the hub's own library, without a path of this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hub_server import Hub
from huggingface_hub import ModelCard
from tiny import simple_pictures

import imagewright as iw
from imagewright.cli import main
from imagewright.hub.sections import training_data
from imagewright.runs.cleaning import Cleaner
from imagewright.runs.run import Run
from imagewright.runs.scores import Score, add_scores

SECRETS = ("anna maria", "/data/", "portraits", "meeting notes", "consent-scan", "C:\\")


def edited(run: Run, folder: Path, **changes: Any) -> Run:
    """A copy of a run with other entries in its record."""
    shutil.copytree(run.path, folder)
    copy = Run(folder)
    copy.rewrite(copy.record | changes)
    return copy


@pytest.fixture
def private_run(run: Run, tmp_path: Path) -> Run:
    """A run whose records are full of what is nobody's business."""
    source = run.record["source"] | {
        "source": "/home/anna maria/portraits",
        "notes": ["2 pictures of /home/anna maria/portraits were passed over"],
        "only": ["meeting notes*"],
        "class_names": ["T-shirt/top", "other"],
    }
    consent = {
        "who": "Anna",
        "given_by": "Anna",
        "when": "2026-01-02",
        "text": "meeting notes",
        "file": "consent-scan.pdf",
    }
    changed = edited(
        run,
        tmp_path / "copy",
        source=source,
        sources={"images": source},
        options=run.record["options"] | {"evaluate_against": "/data/held out", "start": "C:\\runs\\first"},
        started_from={"source": "/data/runs/first", "digest": "ab" * 32, "taken": 3},
        consent=[consent],
        command="imagewright train vae '/home/anna maria/portraits' --lr=0.25 --labels a.csv --consent 'meeting notes'",
    )
    recipe = {"features": None, "size": [16, 16], "count": 64, "reference": {"source": "/data/held out", "count": 9}}
    facts = {
        "interval": "95 %, made up",
        "low": 1.0,
        "high": 2.0,
        "images_seen": 32,
        "warnings": ("of /data/held out",),
    }
    score = Score("/data/runs/copy", "fd", "fd", "Frechet distance", 1.5, "lower", recipe, "0123456789ab", **facts)
    add_scores(changed.path, [score])
    return changed


def test_nothing_of_this_machine_is_published(private_run: Run, hub: Hub) -> None:
    made = iw.push(private_run, "anna/vae", license="MIT")
    for path, content in hub.files("anna/vae").items():
        for secret in SECRETS:
            assert secret.encode() not in content, f"{secret} in {path}"
    record = json.loads(hub.files("anna/vae")["run.json"])
    assert record["source"]["source"] == "own pictures"
    assert record["source"]["class_names"] == ["T-shirt/top", "other"]
    assert record["consent"] == [{"who": "Anna", "given_by": "Anna", "when": "2026-01-02"}]
    assert record["command"] == "imagewright train vae ... --lr=0.25 --labels ... --consent ..."
    (told,) = [note for note in made.notes if note.startswith("Taken out")]
    assert "notes and patterns of names (4)" in told
    assert "wordings and documents of consents (1)" in told


def test_the_library_of_the_hub_reads_the_card(private_run: Run) -> None:
    text = iw.model_card(private_run, license="cc-by-4.0", repository="anna/faces", about_data="My own. | <b>").text
    data = ModelCard(text).data
    assert (data.license, data.library_name, data.model_name) == ("cc-by-4.0", "imagewright", "faces")
    assert data.pipeline_tag == "unconditional-image-generation"
    assert {"imagewright", "vae", "faces"} <= set(data.tags)
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_name) == ("fd", 1.5, "own pictures")
    assert "| Frechet distance ↓ | 1.5 (1 to 2) | 95 %, made up | 32 | 0123456789ab |" in text
    assert "| Anna | Anna | 2026-01-02 |" in text
    assert "It must not be used for:" in text, "a run with consents shows people"
    assert "The author writes: My own. \\| &lt;b>" in text
    assert "imagewright pull anna/faces" in text
    assert f"| images | own pictures | {private_run.record['source']['count']:,} | 16x16, 3 channels |" in text


def test_the_command_writes_the_card_and_a_picture(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["card", str(run.path), "--license", "Apache-2.0", "--out", str(tmp_path / "card")]
    assert main(typed) == 0
    page, picture = map(Path, capsys.readouterr().out.splitlines())
    provenance = iw.inspect(picture)["provenance"]
    assert (provenance["verb"], provenance["seed"], provenance["model"]) == ("sample", 0, "vae")
    assert "card/samples.png" in page.read_text()
    before = page.read_bytes()
    assert main(typed) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*typed, "--force"]) == 0
    assert page.read_bytes() == before, "the same run gives the same card"


def test_examples_are_shown_without_the_names_of_their_files(run: Run, tmp_path: Path) -> None:
    assert set(iw.model_card(run, license="MIT").pictures) == {"samples"}
    shown = iw.model_card(run, license="MIT", examples=simple_pictures(3)).pictures["examples"]
    assert shown.column_labels == ["1", "2", "3"]
    assert shown.record is not None
    assert "source" not in shown.record["settings"]


@pytest.mark.parametrize("given", [None, "", "no licence of mine"])
def test_a_licence_is_needed(given: str | None, run: Run) -> None:
    with pytest.raises(iw.UserError, match=r"SPDX identifier such as Apache-2\.0"):
        iw.model_card(run, license=given)


def test_faces_without_consent_are_not_pushed(run: Run, hub: Hub, tmp_path: Path) -> None:
    swap = edited(run, tmp_path / "swap", model="swap")
    with pytest.raises(iw.UserError, match=r"records no consent of the people: it is not pushed.*--consent"):
        iw.push(swap, "anna/swap", license="MIT")
    assert not hub.requests


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("see /home/a/b.png, and ~/c", "see (taken out), and (taken out)"),
        ("/home/anna/my pictures/x.png is black", "(taken out) is black"),
        ("/home/anna/my summer pictures/x 1.png, 2", "(taken out), 2"),
        ("/home/a/b.png and the elbo/reconstruction", "(taken out) and the elbo/reconstruction"),
        ("/home/a/runs: see docs/hub.md", "(taken out) see docs/hub.md"),
        (r"D:\x\y and \\server\z", "(taken out) and (taken out)"),
        (
            "elbo/reconstruction and/or https://example.org/a 3 / 4",
            "elbo/reconstruction and/or https://example.org/a 3 / 4",
        ),
    ],
)
def test_paths_in_texts(text: str, cleaned: str) -> None:
    assert Cleaner({"model": "vae"}).text(text) == cleaned


@pytest.mark.parametrize("source", ["photos/anna", "photos/anna/", "my pictures", "anna"])
def test_a_file_in_a_known_folder_is_no_name_that_stays(source: str) -> None:
    cleaner = Cleaner({"model": "vae", "source": {"source": source}})
    text = f"{source.rstrip('/')}/img_0001.png cannot be read"
    assert cleaner.text(text) == "own pictures cannot be read"
    assert cleaner.text(f"{source.rstrip('/')} is small") == "own pictures is small"
    assert cleaner.text("susanna and annabel") == "susanna and annabel"


def test_a_span_of_code_shows_a_name_as_it_is() -> None:
    imported = {"my_weights[1].pkl": "0" * 64, "a`b.pkl": "1" * 64}
    said = training_data({"model": "dcgan", "imported": imported}, None)[0]
    assert "`my_weights[1].pkl` (SHA-256" in said
    assert "`` a`b.pkl `` (SHA-256" in said
