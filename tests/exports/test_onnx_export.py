"""Export to ONNX: onnxruntime computes what the verbs do; what cannot be a graph is refused, and nothing is left."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_model, train_tiny

import imagewright as iw
from imagewright import catalogue
from imagewright.capabilities import Target
from imagewright.cli import main
from imagewright.exports import tracing
from imagewright.verbs.blocks import evaluating

if find_spec("onnxscript") is None:  # importing it takes long, and each process of the tests collects this file
    pytest.skip("needs the extra `export`", allow_module_level=True)
onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `export`")

TOLERANCE = 1e-3
# Verbs that cannot be graphs, by model: each other verb of the catalogue can.
REFUSED = {
    "vae": {"score"},
    "gmm": {"score"},  # triangular systems of equations have no operator
    "kde": {"score"},
    "gda": {"score", "classify"},
    "jpeg": {"encode", "decode", "reconstruct"},
}


def compute(path: Path, **inputs: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == list(inputs)
    return torch.from_numpy(session.run(None, {name: each.numpy() for name, each in inputs.items()})[0])


def metadata(path: Path) -> dict[str, Any]:
    (entry,) = onnx.load(path).metadata_props
    assert entry.key == "imagewright"
    found: dict[str, Any] = json.loads(entry.value)
    return found


def of_model(model: Any, verb: str, *given: Any) -> torch.Tensor:
    with evaluating(model), torch.inference_mode():
        result: torch.Tensor = getattr(model, verb)(*given)
        return result


@pytest.mark.parametrize("count", [1, 3])
def test_a_class_is_an_input_of_the_graph_that_samples(count: int, cgan: tuple[Any, Path]) -> None:
    model, path = cgan
    latents = model.sample_latents(count, torch.Generator().manual_seed(4), labels=torch.arange(count) % 2)
    noise = model.latent_parts[0].places
    found = compute(path, noise=latents[:, noise].contiguous(), **{"class": torch.arange(count) % 2})
    assert torch.allclose(found, of_model(model, "decode", latents), atol=TOLERANCE)
    facts = metadata(path)
    assert facts["class_names"] == ["one", "other"]
    assert facts["verb"] == "sample"
    assert "from 0 to 1" in facts["ranges"]["class"]


@pytest.fixture(scope="module")
def cgan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    model, path = tiny_model("cgan"), tmp_path_factory.mktemp("cgan") / "sample.onnx"
    made = iw.export(model, "onnx", path, verbs=["sample"])
    assert made.paths == (path,)
    return model, path


def test_the_command_writes_the_graph_that_classifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train_tiny("lda", out=tmp_path / "lda")
    arguments = ["export", str(run.path), "--to", "onnx", "--verbs", "classify", "--out", str(tmp_path / "graphs")]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "classify.onnx" in said.out
    assert "0.001 is allowed" in said.err
    pictures = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    model = iw.load(run)
    found = compute(tmp_path / "graphs" / "classify.onnx", images=pictures)
    assert torch.allclose(found, of_model(model, "classify", pictures), atol=TOLERANCE)
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.learning
def test_a_network_without_a_fixed_size_takes_pictures_of_any_size(tmp_path: Path) -> None:
    model = tiny_model("cut")
    iw.export(model, "onnx", tmp_path)
    pictures = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = compute(tmp_path / "translate.onnx", given_images=pictures)
    assert torch.allclose(found, of_model(model, "translate", pictures, Target(domain=0)), atol=TOLERANCE)


def test_a_score_that_is_an_estimate_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(iw.UserError, match=r"score of vae.*random numbers"):
        iw.export(tiny_model("vae"), "onnx", tmp_path / "graphs", verbs=["score"])
    assert not (tmp_path / "graphs").exists()


def test_a_graph_with_other_results_is_refused_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("pca")
    opened = tracing.open_session

    class Tampered:
        def __init__(self, content: bytes) -> None:
            self.session = opened(content)

        def run(self, names: Any, inputs: Any) -> list[np.ndarray]:
            return [each + 0.01 for each in self.session.run(names, inputs)]

    monkeypatch.setattr(tracing, "open_session", Tampered)
    with pytest.raises(iw.UserError, match=r"differ from torch's by 0\.01, and 0\.001 is allowed"):
        iw.export(model, "onnx", tmp_path / "decode.onnx", verbs=["decode"])
    assert list(tmp_path.iterdir()) == []


def test_wrong_requests_name_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_model("dcgan")
    with pytest.raises(iw.UserError, match=r"no graph 'decod'.*decode"):
        iw.export(model, "onnx", tmp_path, verbs=["decod"])
    with pytest.raises(iw.UserError, match="sample of dcgan is decode"):
        iw.export(model, "onnx", tmp_path, verbs=["sample"])
    with pytest.raises(iw.UserError, match=r"one file, and there are 2 graphs: decode, score"):
        iw.export(model, "onnx", tmp_path / "graph.onnx")
    with pytest.raises(iw.UserError, match=r"'onx'.*'onnx'"):
        iw.export(model, "onx", tmp_path)  # type: ignore[arg-type]
    assert main(["export", str(tmp_path / "nothing"), "--to", "onnx", "--out", str(tmp_path / "out")]) == 2
    assert "no run directory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.learning
@pytest.mark.parametrize("name", list(catalogue.entries()))
def test_every_verb_of_every_model_is_a_graph_or_refused(name: str, tmp_path: Path) -> None:
    run = train_tiny(name, out=tmp_path / "run")
    verbs = set(catalogue.entry_of(name).verbs) - REFUSED.get(name, set())
    if not verbs:
        with pytest.raises(iw.UserError, match="can be a graph"):
            iw.export(run, "onnx", tmp_path / "graphs")
        assert not (tmp_path / "graphs").exists()
        return
    made = iw.export(run, "onnx", tmp_path / "graphs")
    found = {metadata(path)["verb"] for path in made.paths}
    assert found | ({"sample"} & verbs) == verbs
    assert all(metadata(path)["largest_difference_from_torch"] <= TOLERANCE for path in made.paths)


@pytest.mark.learning
@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_view_is_exported_in_its_space_and_truncated(space: str, tmp_path: Path) -> None:
    view = tiny_model("stylegan2").in_space(space).truncated(0.5)
    iw.export(view, "onnx", tmp_path, verbs=["decode"])
    latents = view.sample_latents(3, torch.Generator().manual_seed(2))
    found = compute(tmp_path / "decode.onnx", latents=latents)
    assert torch.allclose(found, of_model(view, "decode", latents), atol=TOLERANCE)
    assert metadata(tmp_path / "decode.onnx")["settings"] == {"space": space, "truncation": 0.5}
