"""Files that hold several networks, and options that complete or override what shapes tell."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from nvidia_pickles import Persistent, write_pickle
from other_names import ADAPTER as OTHER_NAMES
from safetensors.torch import save_file
from tiny import simple_pictures, tiny_model
from torch import Tensor

import imagewright as iw
from imagewright import catalogue
from imagewright.checkpoints import export_state, find_adapter
from imagewright.checkpoints.containers import state_dicts
from imagewright.checkpoints.reading import read_checkpoint
from imagewright.cli.app import main
from imagewright.errors import ConfigError, RunError, UserError
from imagewright.models.adversarial.dcgan import DCGAN

State = dict[str, Tensor]


def published(seed: int = 0, size: tuple[int, int] = (16, 16), width: int = 8) -> DCGAN:
    model = tiny_model("dcgan", size, width=width).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return model


def state_of(model: DCGAN, network: str = "generator") -> State:
    return dict(model.get_submodule(network).state_dict())


def prefixed(state: State) -> State:
    return {f"module.{name}": tensor for name, tensor in state.items()}


def samples_are_of(model: DCGAN, imported: object) -> bool:
    return torch.equal(iw.sample(imported, 3), iw.sample(model, 3))


# Containers


@pytest.mark.parametrize("prefix", [dict, prefixed], ids=["plain", "module."])
def test_a_dictionary_of_both_networks(prefix: object, tmp_path: Path) -> None:
    model = published()
    held = {"a": prefix(state_of(model)), "b": prefix(state_of(model, "discriminator")), "iterations": 5}
    torch.save(held, tmp_path / "both.pt")
    iw.import_checkpoint(tmp_path / "both.pt", "dcgan", tmp_path / "run")
    assert samples_are_of(model, tmp_path / "run")
    pictures = simple_pictures(3)
    assert torch.equal(iw.score(tmp_path / "run", pictures), iw.score(model, pictures))
    assert "BSD" in json.loads((tmp_path / "run" / "run.json").read_text())["licence"]


@pytest.mark.parametrize("average", ["gen_test", "G_ema", "generator_smooth", "netG_avg", "nets.ema.G"])
def test_of_a_network_and_its_average_the_average_is_taken(average: str, tmp_path: Path) -> None:
    model, averaged = published(0), published(1)
    torch.save({"gen": state_of(model), average: state_of(averaged)}, tmp_path / "gen.pt")
    assert samples_are_of(averaged, iw.import_checkpoint(tmp_path / "gen.pt", "dcgan"))
    assert samples_are_of(model, iw.import_checkpoint(tmp_path / "gen.pt", "dcgan", network="gen"))


def test_an_optimiser_beside_the_networks_is_left_out(tmp_path: Path) -> None:
    model = published()
    optimiser = torch.optim.Adam(model.generator.parameters())
    model.generator(torch.zeros(2, 8)).sum().backward()
    optimiser.step()
    held = {"state_dict": state_of(model), "optimizer": optimiser.state_dict(), "epoch": 3, "best": [1.0, 2.0]}
    torch.save(held, tmp_path / "training.pt")
    assert list(state_dicts(read_checkpoint(tmp_path / "training.pt"))) == ["state_dict"]
    assert samples_are_of(model, iw.import_checkpoint(tmp_path / "training.pt", "dcgan"))


def test_two_networks_of_one_kind_are_chosen_from_by_their_keys(tmp_path: Path) -> None:
    model, other = published(0), published(1)
    path = tmp_path / "ab.pt"
    torch.save({"nets": {"x": state_of(model), "y": state_of(other)}}, path)
    with pytest.raises(UserError, match=r"ab\.pt.*generator 2 times, under nets\.x, nets\.y"):
        iw.import_checkpoint(path, "dcgan")
    assert samples_are_of(other, iw.import_checkpoint(path, "dcgan", network="nets.y"))
    with pytest.raises(UserError, match=r"no network 'nets.z'. Did you mean 'nets\.[xy]'.*the keys nets\.x, nets\.y"):
        iw.import_checkpoint(path, "dcgan", network="nets.z")


def test_a_network_is_named_for_each_file(tmp_path: Path) -> None:
    model, other = published(0), published(1)
    for name, state in (("g", state_of(model)), ("d", state_of(model, "discriminator"))):
        torch.save({"live": state, "old": state_of(other)}, tmp_path / f"{name}.pt")
    files = [tmp_path / "g.pt", tmp_path / "d.pt"]
    imported = iw.import_checkpoint(files, "dcgan", network=["live", "discriminator"])
    assert samples_are_of(model, imported)
    assert torch.equal(iw.score(imported, simple_pictures(2)), iw.score(model, simple_pictures(2)))
    with pytest.raises(UserError, match="2 files and 3 networks"):
        iw.import_checkpoint(files, "dcgan", network=["live", "live", "live"])
    torch.save({"live": state_of(model), "epoch": {"images": torch.zeros(1)}}, files[0])
    with pytest.raises(UserError, match=r"g\.pt: It holds no discriminator, only generator"):
        iw.import_checkpoint(files[0], "dcgan", network=["discriminator"])


def test_an_npz_of_plain_arrays(tmp_path: Path) -> None:
    model = published()
    np.savez(tmp_path / "generator.npz", **{name: tensor.numpy() for name, tensor in state_of(model).items()})
    assert samples_are_of(model, iw.import_checkpoint(tmp_path / "generator.npz", "dcgan"))
    content = (tmp_path / "generator.npz").read_bytes()
    for kept in (0, 10, len(content) // 2, len(content) - 10):
        (tmp_path / "cut.npz").write_bytes(content[:kept])
        with pytest.raises(RunError, match=r"^[^\n]*cut\.npz[^\n]*$"):
            iw.import_checkpoint(tmp_path / "cut.npz", "dcgan")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(RunError, match=r"objects\.npz cannot be read as an \.npz of plain arrays"):
        iw.import_checkpoint(tmp_path / "objects.npz", "dcgan")


def test_an_npz_that_would_fill_the_memory_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagewright.archives.BOMB_BYTES", 2**20)
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(2**20, np.float64))
    with pytest.raises(RunError, match=r"bomb\.npz would unpack to 8,38\d,\d+ bytes"):
        iw.import_checkpoint(tmp_path / "bomb.npz", "dcgan")


@pytest.mark.parametrize("held", [{}, {"a": {}}, {"a": 1}, [], [1, {"b": "text"}], "text", None, torch.zeros(2)])
def test_a_file_without_any_state_dict(held: object, tmp_path: Path) -> None:
    torch.save(held, tmp_path / "nothing.pt")
    with pytest.raises(RunError, match=r"nothing\.pt: It holds no state dict"):
        iw.import_checkpoint(tmp_path / "nothing.pt", "dcgan")


# Options


def test_options_override_what_shapes_tell_and_unknown_ones_are_named() -> None:
    state = state_of(published(), "discriminator")
    options = {"discriminator_norm": "none"}  # then the convolutions have biases, which this state dict lacks
    assert iw.load_network("dcgan", "discriminator", state, penalty=0)(image=torch.zeros(1, 3, 16, 16))
    with pytest.raises(RunError, match="has no tensor main"):
        iw.load_network("dcgan", "discriminator", state, **options)
    with pytest.raises(ConfigError, match=r"dcgan has no option 'widht'. Did you mean 'width'"):
        iw.load_network("dcgan", "discriminator", state, widht=8)
    with pytest.raises(ConfigError, match=r"width.*'nine'.*what the shapes tell"):
        iw.load_network("dcgan", "discriminator", state, width="nine")
    with pytest.raises(RunError, match=r"expected \(8, 18, 4, 4\)"):
        iw.load_network("dcgan", "generator", state_of(published()), width=9)


def test_an_unknown_option_stops_the_import_before_the_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dcgan has no option 'colour'"):
        iw.import_checkpoint(tmp_path / "none.pt", "dcgan", tmp_path / "run", colour=3)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue's DCGAN with the adapter of `other_names.py`."""
    entry = dataclasses.replace(catalogue.entry_of("dcgan"), adapter="other_names:ADAPTER")
    monkeypatch.setitem(catalogue.entries(), "dcgan", entry)


def renamed(model: DCGAN) -> State:
    own = state_of(model)
    return {published: own[ours] for published, ours in OTHER_NAMES.networks["generator"].names(own).items()}


@pytest.mark.usefixtures("other_names")
def test_what_shapes_do_not_tell_is_asked_for_and_taken(tmp_path: Path) -> None:
    model = published(size=(32, 16))
    with pytest.raises(ConfigError, match="size is missing: the shapes do not tell it"):
        iw.load_network("dcgan", "generator", renamed(model))
    network = iw.load_network("dcgan", "generator", renamed(model), size=(32, 16))
    latents = torch.randn(2, 8)
    assert torch.equal(network(z=latents), model.generator(latents))
    torch.save({"a": renamed(model)}, tmp_path / "a.pt")
    with pytest.raises(ConfigError, match=r"a\.pt: .*size is missing"):
        iw.import_checkpoint(tmp_path / "a.pt", "dcgan")
    iw.import_checkpoint(tmp_path / "a.pt", "dcgan", tmp_path / "run", size=(32, 16))
    assert samples_are_of(model, tmp_path / "run")
    torch.save({"a": renamed(model), "side": (32, 16)}, tmp_path / "a.pt")  # an option that the file states
    assert samples_are_of(model, iw.import_checkpoint(tmp_path / "a.pt", "dcgan"))


@pytest.mark.usefixtures("other_names")
def test_ignored_and_optional_tensors() -> None:
    model = published()
    state = renamed(model)
    state["net.layer0.kernel"] = torch.ones(3)
    for norm in (module for module in model.generator.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.bias.data.zero_()  # the value it is built with, if the file has none
    without = {name: tensor for name, tensor in state.items() if not name.endswith("bias")}
    latents = torch.randn(2, 8)
    network = iw.load_network("dcgan", "generator", without, size=(16, 16))
    assert torch.equal(network(z=latents), model.generator(latents))
    with pytest.raises(RunError, match=r"net\.layer0\.colour is unknown"):
        iw.load_network("dcgan", "generator", state | {"net.layer0.colour": torch.ones(3)}, size=(16, 16))


@pytest.mark.usefixtures("other_names")
def test_a_network_is_loaded_with_the_options_that_its_file_states() -> None:
    model = published(size=(32, 16))
    latents = torch.randn(2, 8)
    network = iw.load_network("dcgan", "generator", {"a": renamed(model), "side": (32, 16)})
    assert torch.equal(network(z=latents), model.generator(latents))


@pytest.mark.usefixtures("other_names")
def test_an_adapter_must_fill_every_tensor_or_call_it_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = OTHER_NAMES.networks["generator"]

    def without_biases(ours: Iterable[str]) -> dict[str, str]:
        return {theirs: own for theirs, own in declared.names(ours).items() if not own.endswith("bias")}

    model = published()
    state = {name: tensor for name, tensor in renamed(model).items() if not name.endswith("bias")}
    incomplete = dataclasses.replace(declared, names=without_biases, optional=("*.num_batches_tracked",))
    monkeypatch.setitem(OTHER_NAMES.networks, "generator", incomplete)  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"main\.1\.bias"):
        iw.load_network("dcgan", "generator", state, size=(16, 16))
    allowed = dataclasses.replace(incomplete, optional=("*.num_batches_tracked", "*.bias"))
    monkeypatch.setitem(OTHER_NAMES.networks, "generator", allowed)  # type: ignore[arg-type]
    iw.load_network("dcgan", "generator", state, size=(16, 16))


def command(*arguments: object) -> int:
    return main(["import", *map(str, arguments), "--as", "dcgan"])


@pytest.mark.usefixtures("other_names")
def test_the_command_takes_networks_and_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = published(size=(32, 16))
    torch.save({"a": renamed(model), "b": renamed(published(1))}, tmp_path / "ab.pt")
    assert command(tmp_path / "ab.pt", "--out", tmp_path / "run", "--size", "16x32", "--penalty-every", "4") == 0
    assert samples_are_of(model, tmp_path / "run")
    assert iw.Run(tmp_path / "run").record["config"]["penalty_every"] == 4
    capsys.readouterr()
    for arguments, message in (
        (("--widht", "8"), "Did you mean 'width'"),
        (("--penalty-every", "few"), "'few'"),
        (("--network", "c"), "the keys a, b"),
        ((), "size is missing"),
    ):
        assert command(tmp_path / "ab.pt", "--out", tmp_path / "none", *arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
    assert not (tmp_path / "none").exists()


# There and back


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_an_imported_network_exports_the_same_bytes(network: str, tmp_path: Path) -> None:
    state = state_of(published(), network)
    torch.save(prefixed(state), tmp_path / "network.pth")
    imported = iw.import_checkpoint(tmp_path / "network.pth", "dcgan")
    exported = export_state(imported.get_submodule(network), find_adapter("dcgan").networks[network])
    assert list(exported) == list(state)
    assert saved(exported) == saved(state)
    save_file(state, tmp_path / "one.safetensors")
    save_file(exported, tmp_path / "other.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "other.safetensors").read_bytes()


@pytest.mark.usefixtures("other_names")
def test_an_export_has_the_published_names(tmp_path: Path) -> None:
    state = renamed(published())
    network = iw.load_network("dcgan", "generator", state, size=(16, 16)).network
    exported = export_state(network, OTHER_NAMES.networks["generator"])
    assert "net.layer0.weight" in exported
    assert saved(exported) == saved(state)


def saved(state: State) -> bytes:
    stream = io.BytesIO()
    torch.save({name: tensor.clone() for name, tensor in state.items()}, stream)
    return stream.getvalue()


def test_a_pickle_of_nvidias_form_beside_other_forms(tmp_path: Path) -> None:
    model, averaged = published(0), published(1)
    held = {
        "G": Persistent(model.generator),
        "D": Persistent(model.discriminator),
        "G_ema": Persistent(averaged.generator),
    }
    path = write_pickle(tmp_path / "network-snapshot.pkl", held | {"training_set_kwargs": {"path": "x"}})
    iw.import_checkpoint(path, "dcgan", tmp_path / "run")
    assert samples_are_of(averaged, tmp_path / "run")
    assert torch.equal(iw.score(tmp_path / "run", simple_pictures(2)), iw.score(model, simple_pictures(2)))
    assert samples_are_of(model, iw.import_checkpoint(path, "dcgan", network="G"))
