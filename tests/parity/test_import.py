"""Published checkpoints as runs: the forms of state dicts, and damaged, hostile and unfitting files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny import simple_pictures, tiny_model
from torch import Tensor

import imagewright as iw
from imagewright.checkpoints import load_network
from imagewright.errors import RunError, UserError
from imagewright.models.adversarial.dcgan import DCGAN
from imagewright.runs.lock import lock_run


def published(size: tuple[int, int] = (16, 16), channels: int = 3, width: int = 8) -> DCGAN:
    """A DCGAN as if trained elsewhere: its running statistics differ from those of a new one."""
    model = tiny_model("dcgan", size, channels, width=width).eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.add_(0.1)
    return model


def state_of(model: DCGAN, network: str) -> dict[str, Tensor]:
    return dict(model.get_submodule(network).state_dict())


def prefixed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names that nn.DataParallel saves."""
    return {f"module.{name}": tensor for name, tensor in state.items()}


def write(path: Path, state: dict[str, Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


FORMS = {
    "state dict": lambda state: state,
    "module. prefix": prefixed,
    "without counters": lambda state: {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_both_networks_make_a_run_that_answers_every_verb(suffix: str, form: str, tmp_path: Path) -> None:
    model = published()
    files = [write(tmp_path / f"{n}{suffix}", FORMS[form](state_of(model, n))) for n in ("discriminator", "generator")]
    imported = iw.import_checkpoint(files, "dcgan", tmp_path / "run")
    run = iw.Run(tmp_path / "run")
    assert (run.model, run.record["config"]["size"], run.record["config"]["latent_dim"]) == ("dcgan", [16, 16], 8)
    assert set(run.record["imported"]) == {path.name for path in files}
    assert not imported.training
    assert torch.equal(iw.sample(run, 5), iw.sample(model, 5))
    pictures = simple_pictures(5)
    assert torch.equal(iw.score(run, pictures), iw.score(model, pictures))
    assert torch.equal(iw.sample(imported, 5), iw.sample(model, 5))


@pytest.mark.parametrize("key", ["state_dict", "model", "net"])
def test_a_state_dict_under_a_customary_key(key: str, tmp_path: Path) -> None:
    model = published()
    torch.save({key: state_of(model, "generator"), "epoch": 7}, tmp_path / "file.pth")
    assert torch.equal(iw.sample(iw.import_checkpoint(tmp_path / "file.pth", "dcgan"), 3), iw.sample(model, 3))


@pytest.mark.parametrize("suffix", [".pkl", ".pth", ".safetensors", ".npz"])
def test_a_page_that_a_failed_download_left_is_called_so(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"ffhq{suffix}"
    for start in ("<!DOCTYPE html><html>", "\n <html lang=en>"):
        path.write_text(f"{start}<title>Too many requests</title>")
        with pytest.raises(RunError, match="looks like a web page"):
            iw.import_checkpoint(path, "dcgan")
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(RunError, match="git lfs pull"):
        iw.import_checkpoint(path, "dcgan")


def test_the_old_format_without_zip(tmp_path: Path) -> None:
    model = published()
    torch.save(state_of(model, "generator"), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(iw.sample(iw.import_checkpoint(tmp_path / "old.pth", "dcgan"), 3), iw.sample(model, 3))


@pytest.mark.parametrize("with_run", [True, False])
def test_a_generator_alone_samples_and_refuses_to_score(with_run: bool, tmp_path: Path) -> None:
    model = published()
    path = write(tmp_path / "netG.pth", state_of(model, "generator"))
    imported = iw.import_checkpoint(path, "dcgan", tmp_path / "run" if with_run else None)
    for source in (imported, tmp_path / "run") if with_run else (imported,):
        assert torch.equal(iw.sample(source, 3), iw.sample(model, 3))
        with pytest.raises(UserError, match="holds no discriminator: it was imported without one"):
            iw.score(source, simple_pictures(2))


def test_a_discriminator_alone_scores_and_refuses_to_sample(tmp_path: Path) -> None:
    model = published()
    path = write(tmp_path / "netD.pth", state_of(model, "discriminator"))
    imported = iw.import_checkpoint(path, "dcgan", tmp_path / "run")
    assert torch.equal(iw.score(imported, simple_pictures(3)), iw.score(model, simple_pictures(3)))
    with pytest.raises(UserError, match="holds no generator"):
        iw.sample(tmp_path / "run", 2)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(8, 8), (16, 24), (64, 32)])
@pytest.mark.parametrize("width", [1, 4])
def test_sizes_channels_and_widths_follow_from_the_shapes(
    size: tuple[int, int], channels: int, width: int, tmp_path: Path
) -> None:
    model = published(size, channels, width)
    files = [write(tmp_path / f"{network}.pth", state_of(model, network)) for network in ("generator", "discriminator")]
    imported = iw.import_checkpoint(files, "dcgan")
    assert imported.config == model.config


def test_an_existing_run_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = write(tmp_path / "netG.pth", state_of(published(), "generator"))
    iw.import_checkpoint(path, "dcgan", tmp_path / "run")
    with pytest.raises(RunError, match="holds a run already"):
        iw.import_checkpoint(path, "dcgan", tmp_path / "run")
    iw.import_checkpoint(path, "dcgan", tmp_path / "run", force=True)


# Broken and hostile files


class Trap:
    """A careless unpickler would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, (str(self.path), "w"))  # type: ignore[return-value]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_with_code_is_refused_and_nothing_in_it_runs(zipped: bool, tmp_path: Path) -> None:
    path, sprung = tmp_path / "trap.pth", tmp_path / "sprung"
    torch.save({"main.0.weight": Trap(sprung)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(RunError, match=r"trap.pth cannot be read as a checkpoint.* holds code .* is not opened"):
        iw.import_checkpoint(path, "dcgan")
    assert not sprung.exists()


def test_a_whole_pickled_model_is_refused(tmp_path: Path) -> None:
    torch.save(published(), tmp_path / "model.pth")
    with pytest.raises(RunError, match="cannot be read as a checkpoint"):
        iw.import_checkpoint(tmp_path / "model.pth", "dcgan")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [0, 1, 7, 100, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_named(suffix: str, kept: float, tmp_path: Path) -> None:
    path = write(tmp_path / f"cut{suffix}", state_of(published(), "generator"))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(RunError, match=f"cut{suffix}") as raised:
        iw.import_checkpoint(path, "dcgan", tmp_path / "run")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


NO_CHECKPOINTS = [b"just some text", b"\x80\x04", b"\x80\x02}", b"c", bytes(64), b"PK\x03\x04" + bytes(40)]
NO_CHECKPOINTS += [pickle.dumps([1, 2]), pickle.dumps({"a": 1})]


@pytest.mark.parametrize("content", NO_CHECKPOINTS)
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(RunError, match=r"file\.pth"):
        iw.import_checkpoint(tmp_path / "file.pth", "dcgan")


def test_random_damage_is_always_a_clear_error_or_still_a_state_dict(tmp_path: Path) -> None:
    import numpy as np

    generator = np.random.default_rng(0)
    state = state_of(published((8, 8), 1, 1), "generator")
    torch.save(state, tmp_path / "whole.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "whole.pth").read_bytes()
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for place in generator.integers(0, len(content), 20):
            damaged[place] = generator.integers(0, 256)
        (tmp_path / "damaged.pth").write_bytes(damaged)
        try:
            iw.import_checkpoint(tmp_path / "damaged.pth", "dcgan")
        except RunError:
            refused += 1
    assert refused > 40


def test_tensors_of_another_network_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "other.pth", {"encoder.weight": torch.zeros(2, 2)})
    with pytest.raises(RunError, match=r"no state dict of a DCGAN.*found encoder\.weight"):
        iw.import_checkpoint(path, "dcgan")


def wrong_shapes() -> list[tuple[str, dict[str, Tensor]]]:
    generator, discriminator = (state_of(published(), network) for network in ("generator", "discriminator"))
    last = "main.6.weight"
    return [
        ("generator", generator | {last: torch.zeros(8, 5, 4, 4)}),  # five channels
        ("generator", generator | {last: torch.zeros(8, 3, 3, 3)}),
        ("generator", generator | {"main.3.weight": torch.zeros(16, 9, 4, 4)}),
        ("generator", {name: tensor for name, tensor in generator.items() if name != "main.1.bias"}),
        ("generator", generator | {"main.99.weight": torch.zeros(3)}),
        ("generator", generator | {"main.0.weight": torch.zeros(8, 16, 5, 5)}),  # no 4x4 map
        ("discriminator", discriminator | {"main.5.weight": torch.zeros(2, 16, 4, 4)}),  # two logits
        ("discriminator", discriminator | {"main.0.weight": torch.zeros(8, 2, 4, 4)}),
    ]


@pytest.mark.parametrize("number", range(len(wrong_shapes())))
def test_wrong_shapes_are_an_error_of_the_file_for_a_run_and_for_a_network(number: int, tmp_path: Path) -> None:
    network, state = wrong_shapes()[number]
    path = write(tmp_path / "wrong.pth", state)
    with pytest.raises(RunError) as raised:
        iw.import_checkpoint(path, "dcgan", tmp_path / "run")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()
    with pytest.raises(RunError):
        load_network("dcgan", network, state)


FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "sparse": Tensor.to_sparse,
    "complex": lambda tensor: tensor.to(torch.complex64),
    "NaN": lambda tensor: torch.full_like(tensor, float("nan")),
    "without its values": lambda tensor: tensor.to("meta"),
    "int8": lambda tensor: tensor.to(torch.int8),
    "bool": lambda tensor: tensor > 0,
    "holds no numbers": lambda tensor: tensor[:0],
}


@pytest.mark.filterwarnings("ignore:.*quantized tensor creation")
def test_a_quantized_tensor_is_named() -> None:
    state = state_of(published(), "generator")
    key = next(iter(state))
    state[key] = torch.quantize_per_tensor(state[key], 0.1, 0, torch.qint8)
    with pytest.raises(RunError, match=f"{key} is quantized"):
        load_network("dcgan", "generator", state)


@pytest.mark.parametrize("fault", FAULTS)
def test_tensors_that_no_network_can_take_are_named(fault: str, tmp_path: Path) -> None:
    state = state_of(published(), "generator")
    key = next(iter(state))
    state[key] = FAULTS[fault](state[key])
    torch.save(state, tmp_path / "gen.pth")
    with pytest.raises(RunError, match=rf"{key} .*{fault}"):
        iw.import_checkpoint(tmp_path / "gen.pth", "dcgan", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_in_training_is_not_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "gen.pth", state_of(published(), "generator"))
    run = iw.import_checkpoint(path, "dcgan", tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    assert run is not None
    with lock_run(tmp_path / "run"), pytest.raises(RunError, match="Another process"):
        iw.import_checkpoint(path, "dcgan", tmp_path / "run", force=True)
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    generator = write(tmp_path / "generator.pth", state_of(published(), "generator"))
    with pytest.raises(UserError, match="Two of the files hold a generator: give one file of each network"):
        iw.import_checkpoint([generator, generator], "dcgan")
    larger = write(tmp_path / "discriminator.pth", state_of(published((32, 32)), "discriminator"))
    with pytest.raises(UserError, match=r"different networks: size is \(16, 16\) in one and \(32, 32\) in .*discrimin"):
        iw.import_checkpoint([generator, larger], "dcgan")


def test_unknown_files_systems_and_networks(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"There is no file .*none\.pth"):
        iw.import_checkpoint(tmp_path / "none.pth", "dcgan")
    with pytest.raises(UserError, match="Did you mean 'dcgan'"):
        iw.import_checkpoint(tmp_path / "none.pth", "dcgn")
    with pytest.raises(UserError, match="Published checkpoints of vae cannot be read: they can of dcgan"):
        iw.import_checkpoint(tmp_path / "none.pth", "vae")
    with pytest.raises(UserError, match=r"dcgan has no network 'generater'. Did you mean 'generator'"):
        load_network("dcgan", "generater", {})


def test_a_network_takes_the_published_inputs_by_name() -> None:
    model = published()
    latents = torch.randn(3, 8, 1, 1)
    pictures = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        images = load_network("dcgan", "generator", prefixed(state_of(model, "generator")))(z=latents)
        judged = load_network("dcgan", "discriminator", state_of(model, "discriminator"))(image=pictures)
        torch.testing.assert_close(images, model.generator(latents.flatten(1)))
        torch.testing.assert_close(judged["logit"], model.discriminator(pictures))
    torch.testing.assert_close(judged["probability"], judged["logit"].sigmoid())
