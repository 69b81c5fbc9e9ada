"""The density of the latents in a training: in each checkpoint, report and preview, and in what reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import BATCH, simple_pictures, tiny_options, train_tiny

import imagewright as iw
from imagewright.cli.app import main
from imagewright.errors import UserError
from imagewright.output.grids import plain_grid
from imagewright.pixels import to_float
from imagewright.runs.report.page import write_report
from imagewright.runs.weights import read_tensors, write_tensors
from imagewright.verbs.apply import sample_latents

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "runs" / "vae"
MLP = {"network": "mlp", "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    return train_tiny(
        "vae", simple_pictures(64), tmp_path_factory.mktemp("density") / "run", steps=40, held_out=0, **MLP
    )


def densities(run: iw.Run) -> list[dict[str, torch.Tensor]]:
    """Of all checkpoints."""
    states = (read_tensors(checkpoint.weights)[0] for checkpoint in run.checkpoints())
    return [{name: tensor for name, tensor in state.items() if name.startswith("density.")} for state in states]


def arrays(path: Path) -> np.ndarray:
    with np.load(path) as saved:
        return saved["images"]


@pytest.mark.parametrize("name", ["vae", "vae_gan"])
def test_every_checkpoint_holds_a_density_also_that_of_a_training_that_was_stopped(name: str, tmp_path: Path) -> None:
    stop = iw.StopRequest()

    class Stop(iw.Observer):
        every = 25 * BATCH

        def at(self, images_seen: int, report: object) -> None:
            stop.asked = True

    with pytest.raises(iw.Stopped):
        train_tiny(name, simple_pictures(), tmp_path / "run", steps=40, checkpoint_every=10 * BATCH, keep_checkpoints=9,
                   learning_rate=1e-2, observers=[Stop()], stop=stop)  # fmt: skip
    run, points = iw.Run(tmp_path / "run"), [80, 160, 200]
    assert [checkpoint.images_seen for checkpoint in run.checkpoints()] == points
    assert all(len(density["density.weights"]) for density in densities(run))
    assert all(iw.load(run, images_seen=seen).sampled_from == "fitted" for seen in points)


def test_samples_of_a_run_come_from_the_density_and_those_of_the_prior_are_at_hand(run: iw.Run) -> None:
    fitted, prior = iw.sample(run, 6), iw.sample(run, 6, sample_from="prior")
    assert not torch.equal(fitted, prior)
    assert torch.equal(fitted, iw.sample(iw.load(run, sample_from="fitted"), 6))
    assert torch.equal(prior, iw.sample(iw.load(run, sample_from="prior"), 6))
    latents = sample_latents(run, 400)
    encoded = iw.encode(run, simple_pictures(64))
    noise = sample_latents(run, 400, sample_from="prior")
    torch.testing.assert_close(noise.mean(0), torch.zeros(4), atol=0.2, rtol=0)
    assert (latents.mean(0) - encoded.mean(0)).abs().max() < 0.35 * max(1.0, float(encoded.std(0).max()))


def test_the_last_preview_is_what_sample_shows_for_the_seed_and_the_prior_has_a_sheet(run: iw.Run) -> None:
    (last,) = run.path.glob(f"samples/{40 * BATCH:09d}.png")
    (prior,) = run.path.glob("samples/prior/*.png")
    for path, source in ((last, "fitted"), (prior, "prior")):
        with Image.open(path) as picture:
            shown = np.asarray(picture.convert("RGB"))
        expected = plain_grid(iw.sample(run, 64, seed=run.record["seed"], sample_from=source), columns=8)
        assert np.array_equal(shown, np.asarray(expected.convert("RGB"))), source
        assert iw.inspect(path)["provenance"]["settings"]["sample_from"] == source
    assert "from the prior" in (run.path / "report.html").read_text()


def test_the_prior_sheet_of_a_later_end_is_removed_with_it_when_an_earlier_checkpoint_is_resumed(
    run: iw.Run, tmp_path: Path
) -> None:
    options = {"checkpoint_every": 2 * BATCH, **MLP}
    made = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=4, **options)
    made.checkpoints()[-1].weights.unlink()
    made.drop_after(2 * BATCH)
    assert list(made.path.glob("samples/prior/*.png")) == []


def test_a_run_of_a_version_without_a_density_samples_from_its_prior() -> None:
    with np.load(GOLDEN / "pictures.npz") as saved:
        seed, samples = int(saved["seed"]), saved["samples"]
    model = iw.load(GOLDEN)
    assert (model.latent_sources, model.sampled_from) == (("prior",), "prior")
    assert np.array_equal(iw.sample(GOLDEN, 4, seed=seed, sample_from="prior").numpy(), samples)
    with pytest.raises(UserError, match="no density fitted to its latents"):
        iw.sample(GOLDEN, 4, sample_from="fitted")


def test_a_run_of_a_version_without_a_density_is_resumed(tmp_path: Path) -> None:
    often = {"report_every": 4 * BATCH, "checkpoint_every": 2 * BATCH, **MLP}
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=2, **often)
    last = run.checkpoints()[-1]
    tensors, record = read_tensors(last.weights)
    write_tensors(last.weights, {name: value for name, value in tensors.items() if "density" not in name}, record)
    resumed = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=4, resume=True, **often)
    unbroken = train_tiny("vae", simple_pictures(), tmp_path / "other", steps=4, **often)
    assert resumed.checkpoints()[-1].weights.read_bytes() == unbroken.checkpoints()[-1].weights.read_bytes()


def test_a_model_without_a_density_is_told_apart(tmp_path: Path) -> None:
    run = iw.train("pca", simple_pictures(), tmp_path / "run", components=3)
    assert torch.equal(iw.sample(run, 2, sample_from="prior"), iw.sample(run, 2))
    with pytest.raises(UserError, match=r"pca has no density fitted to its latents.*--sample-from"):
        iw.load(run, sample_from="fitted")


def test_classes_of_a_conditional_vae_are_sampled_from_the_density(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(64), tmp_path / "run", steps=20, condition="labels", **MLP)
    model = iw.load(run)
    assert model.density.shift.shape[1] == 2
    fitted = sample_latents(model, 5, label="one")
    assert fitted[:, 4:].tolist() == [[1.0, 0.0]] * 5
    assert not torch.equal(fitted, sample_latents(model, 5, label="one", sample_from="prior"))
    assert iw.sample_sheet(model, 2, each_class=True).images.shape[0] == 4


def test_a_density_in_latents_of_a_run_is_no_obstacle(run: iw.Run, tmp_path: Path) -> None:
    """A model that copies the VAE as its encoder takes the density along."""
    kde = iw.train("kde", simple_pictures(16), tmp_path / "kde", encoder=str(run.path))
    assert iw.sample(kde, 2).shape == (2, 3, 16, 16)


# Commands


def test_seeds_are_the_pictures_of_sample_in_every_command(run: iw.Run, tmp_path: Path) -> None:
    place, out = str(run.path), tmp_path / "walk.npz"
    for options, source in (([], "fitted"), (["--sample-from", "prior"], "prior")):
        walk = ["interpolate", place, "--between", "3", "8", "--steps", "5", *options, "--out", str(out), "--force"]
        assert main(walk) == 0
        ends = arrays(out)[[0, -1]]
        expected = torch.cat([iw.sample(run, 1, seed=seed, sample_from=source) for seed in (3, 8)])
        assert np.array_equal(ends, expected), source
        pictures = tmp_path / "new.npz"
        assert main(["sample", place, "--count", "1", "--seed", "3", *options, "--out", str(pictures), "--force"]) == 0
        assert np.array_equal(arrays(pictures)[0], ends[0]), source
        record = iw.inspect(pictures)["provenance"] if source == "prior" else {"settings": {"sample_from": "fitted"}}
        assert record["settings"]["sample_from"] == source


def test_the_title_and_record_of_a_sheet_say_what_was_sampled_from(run: iw.Run) -> None:
    assert "fitted density" in str(iw.sample_sheet(run, 2).title)
    assert "from the prior" in str(iw.sample_sheet(run, 2, sample_from="prior").title)
    assert "from the" not in str(iw.sample_sheet(GOLDEN, 2).title)
    assert "sample_from" not in iw.sample_sheet(GOLDEN, 2).record["settings"]
    assert "sample_from" not in iw.reconstruction_sheet(run, simple_pictures(4)).record["settings"]


def test_edit_has_another_name_for_it_since_from_is_a_strength(run: iw.Run, tmp_path: Path) -> None:
    place, out = str(run.path), tmp_path / "edit.npz"
    find = ["latent", "directions", place, "--count", "1", "--save", "0=first", "--out", str(tmp_path / "found.png")]
    assert main(find) == 0
    edit = ["edit", place, "5", "--move", "first=0", "--out", str(out), "--force"]
    assert main([*edit, "--sample-from", "prior"]) == 0
    assert np.array_equal(arrays(out)[-1:], iw.sample(run, 1, seed=5, sample_from="prior"))
    assert main(edit) == 0
    assert np.array_equal(arrays(out)[-1:], iw.sample(run, 1, seed=5))


def test_mistakes_take_one_line(run: iw.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, source, message in (
        (run.path, "posterior", "prior"),
        (GOLDEN, "fitted", "no density fitted"),
    ):
        code = main(["sample", str(place), "--sample-from", source, "--out", str(tmp_path / "a.png")])
        said = capsys.readouterr().err
        assert code == 2, said
        assert message in said
        assert "Traceback" not in said
    assert not (tmp_path / "a.png").exists()


# Scores


def test_evaluate_scores_both_and_the_report_and_the_comparison_show_both(run: iw.Run, tmp_path: Path) -> None:
    options = {"metrics": ["fd:interval=false", "likelihood:samples=1"], "features": "random", "count": 24}
    found = iw.evaluate(run, simple_pictures(64), **options).scores
    fitted, prior = (score for score in found if score.metric == "fd")
    assert (fitted.sampled_from, prior.sampled_from) == ("fitted", "prior")
    assert fitted.value != prior.value
    assert fitted.key == prior.key, "one column"
    assert fitted.subject == str(run.path)
    assert prior.subject == f"{run.path}, from its prior"
    assert all(score.sampled_from == "fitted" for score in found if score.metric == "likelihood"), "of the model"
    page = (write_report(run.path)).read_text()
    assert "from its prior" in page
    other = train_tiny("vae", simple_pictures(), tmp_path / "other", steps=2, **tiny_options("vae"))
    compared = iw.compare([run, other])
    assert set(compared.scores) >= {"run", "run, from its prior"}
    assert any("from its prior: " in line for line in compared.lines())


def test_evaluate_scores_one_alone_if_asked(run: iw.Run, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"metrics": "fd:interval=false", "features": "random", "count": 24, "save": False}
    both = {score.sampled_from: score.value for score in iw.evaluate(run, simple_pictures(64), **options).scores}
    for source in ("prior", "fitted"):
        (alone,) = iw.evaluate(run, simple_pictures(64), sample_from=source, **options).scores
        assert (alone.sampled_from, alone.value) == (source, both[source])
        (viewed,) = [
            score
            for score in iw.evaluate(iw.load(run, sample_from=source), simple_pictures(64), **options).scores
            if score.sampled_from == source
        ]
        assert viewed.value == both[source]
    (old,) = iw.evaluate(GOLDEN, simple_pictures(64), **options).scores
    assert old.sampled_from is None
    with pytest.raises(UserError, match="no density fitted"):
        iw.evaluate([run, GOLDEN], simple_pictures(64), sample_from="fitted", **options)


# The doctor


def test_the_doctor_measures_how_far_the_latents_are_from_the_prior(run: iw.Run) -> None:
    health = run.metrics()[-1]["health"]
    with torch.inference_mode():
        means, log_variances = iw.load(run).encode_posterior(to_float(torch.from_numpy(simple_pictures(64))))
    deviations = (means.var(0) + log_variances.exp().mean(0)).sqrt()
    assert health["aggregate/largest_deviation"] == pytest.approx(float(deviations.max()), rel=1e-3)
    variances = deviations.double().square()
    nats = 0.5 * (means.double().mean(0).square() + variances - 1 - variances.log()).sum()
    assert health["aggregate/nats"] == pytest.approx(float(nats), rel=1e-3)
