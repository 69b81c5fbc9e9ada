"""ProGAN and StyleGAN: recorded outputs, other configurations written plainly, and the authors' pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from cases import TOLERANCE, loading_of, parity_module, run_case
from nvidia_pickles import Network, write_pickle
from plain_growing import judged, progan_images, stylegan_images, stylegan_w
from tiny import fill_weights, tiny_model
from torch import Tensor

import imagewright as iw
from imagewright.checkpoints import export_state, find_adapter, import_checkpoint, load_network
from imagewright.errors import RunError

CASES = (
    *("pggan/generator_256", "pggan/losses_tiny", "stylegan/generator_256"),
    # They train nothing, but have the largest networks.
    pytest.param("pggan/discriminator_64", marks=pytest.mark.learning),
    pytest.param("stylegan/discriminator_128", marks=pytest.mark.learning),
)
CLASSES = {"condition": "labels", "class_names": ("one", "other")}
OPTIONS: dict[str, dict[str, Any]] = {
    "progan": {"latent_dim": 5, "channel_base": 48, "channel_max": 9},
    "stylegan": {"latent_dim": 5, "style_dim": 7, "mapping_width": 6, "mapping_layers": 3, "channel_base": 48},
}


@pytest.mark.parametrize("name", CASES)
def test_the_published_outputs(name: str, shared_parity: Path) -> None:
    system, _, stem = name.partition("/")
    assert run_case(parity_module(shared_parity), shared_parity, system, stem) < TOLERANCE


def published(system: str, network: str, **options: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A state dict with weights at random, and what no shape tells of it."""
    labels = "class_names" in options
    model = tiny_model(system, (32, 32), **OPTIONS[system], **options)
    if not labels:
        options |= {"condition": "none"}
    fill_weights(model)
    for name, buffer in model.named_buffers():
        if name.endswith("lod"):
            buffer.zero_()
    return export_state(model.get_submodule(network), find_adapter(system).networks[network]), options


def inputs(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("labelled", [False, True])
def test_progan_in_other_configurations(fused: bool, labelled: bool) -> None:
    told: dict[str, Any] = {"fused": fused, "group": 2} | (CLASSES if labelled else {})
    state, options = published("progan", "generator", **told)
    ours = load_network("progan", "generator", state, **options, **({"latent_dim": 5} if labelled else {})).double()
    state = {name: tensor.double() for name, tensor in state.items()}  # deep networks enlarge rounding
    z = inputs((2, 5))[0].double()
    label = torch.eye(2).double() if labelled else None
    found = ours(z=z, label=label) if labelled else ours(z=z)
    for name, lod in (("image", 0.0), ("image_lod15", 1.5)):
        torch.testing.assert_close(found[name], progan_images(state, z, label, fused=fused, lod=lod))
    state, options = published("progan", "discriminator", **told)
    ours = load_network("progan", "discriminator", state, fused=fused, group=2)
    (image,) = inputs((4, 3, 32, 32))
    expected = judged(state, image, group=2, fused=fused, styled=False)
    torch.testing.assert_close(ours(image=image)["logits"], expected)
    assert expected.shape[1] == (3 if labelled else 1)


@pytest.mark.parametrize("fused", ["always", "never"])
@pytest.mark.parametrize("labelled", [False, True])
def test_stylegan_in_other_configurations(fused: str, labelled: bool) -> None:
    told: dict[str, Any] = {"fused": fused, "mapping_rate": 0.5} | (CLASSES if labelled else {})
    state, _ = published("stylegan", "generator", **told)
    ours = load_network("stylegan", "generator", state, fused=fused, mapping_rate=0.5).double()
    state = {name: tensor.double() for name, tensor in state.items()}  # as above
    z = inputs((2, 5))[0].double()
    label = torch.eye(2).double() if labelled else None
    found = ours(z=z, label=label) if labelled else ours(z=z)
    w = stylegan_w(state, z, label, rate=0.5)
    torch.testing.assert_close(found["w"], w)
    torch.testing.assert_close(found["image"], stylegan_images(state, w, fused=fused == "always"))
    state, _ = published("stylegan", "discriminator", **told)
    (image,) = inputs((4, 3, 32, 32))
    found = load_network("stylegan", "discriminator", state)(
        image=image, **({"label": torch.eye(2)[[0, 1, 1, 0]]} if labelled else {})
    )
    expected = judged(state, image, group=4, fused=fused == "always", styled=True)
    expected = expected.gather(1, torch.tensor([[0], [1], [1], [0]])) if labelled else expected
    torch.testing.assert_close(found["logits"], expected)


@pytest.mark.parametrize(
    ("constructor", "system", "options"),
    [
        ("PGGANGenerator(resolution=32, fused_scale=True) (z 512)", "progan", {"fused": True}),
        ("PGGANDiscriminator(64, minibatch_std_group_size=4)", "progan", {"group": 4, "fused": False}),
        ("StyleGANGenerator(resolution=8, label_size=3)", "stylegan", {"mapping_rate": 0.01, "condition": "labels"}),
        ("StyleGANGenerator(resolution=8, fused_scale=False)", "stylegan", {"fused": "never"}),
    ],
)
def test_network_and_options_of_a_case(constructor: str, system: str, options: dict[str, Any]) -> None:
    loading = loading_of("pggan" if system == "progan" else system, "stem", constructor, "")
    assert loading.network in constructor.lower()
    assert options.items() <= loading.options.items()


# The authors' pickles


def variables_of(state: dict[str, Tensor], system: str, fused: bool = False) -> list[tuple[str, Any]]:
    """The variables of the authors' TensorFlow code: theirs are the names and the order of axes."""
    sizes = sum(name.endswith("bias") and ("output" in name or "input" in name) for name in state)
    found = []
    for published_name, tensor in state.items():
        inner = published_name.removeprefix("synthesis.")
        if inner.endswith("blur.kernel"):
            continue
        name = variable_of(inner, sizes, system, judges="input0.bias" in state, fused=fused)
        value = in_their_order(name, tensor, transposed=name.endswith("Conv0_up/weight") and system == "progan")
        prefix = "synthesis/" if inner != published_name else ""
        found.append((prefix + name, value.contiguous().numpy()))
    return found


def variable_of(inner: str, sizes: int, system: str, *, judges: bool, fused: bool) -> str:
    layer, _, leaf = inner.partition(".")
    marked, styled = fused or system == "stylegan", system == "stylegan"
    if layer == "mapping":
        return "mapping/" + leaf.replace("dense", "Dense").replace(".", "/")
    if layer in ("lod", "truncation"):
        return {"lod": "lod", "truncation": "dlatent_avg"}[layer]
    if leaf == "apply_noise.noise":
        return f"noise{layer[5:]}"
    number = int("".join(filter(str.isdigit, layer)))
    leaf = {"apply_noise.weight": "Noise/weight"}.get(leaf, leaf.replace("style.", "StyleMod/"))
    if not layer.startswith("layer"):
        return f"FromRGB_lod{number}/{leaf}" if judges else f"ToRGB_lod{sizes - 1 - number}/{leaf}"
    size = max(0, sizes - 1 - number // 2) if judges else number // 2
    inside = number - 2 * (sizes - 1) if judges and not size else number % 2
    if judges:
        layers = ("Conv0", "Conv1_down" if marked else "Conv1") if size else ("Conv", "Dense0", "Dense1")
    else:
        layers = ("Conv0_up" if marked else "Conv0", "Conv1") if size else ("Const" if styled else "Dense", "Conv")
    return f"{4 << size}x{4 << size}/{layers[inside]}/{leaf}"


def in_their_order(name: str, tensor: Tensor, *, transposed: bool) -> Tensor:
    if name == "4x4/Dense/weight":
        return tensor.flip(2, 3).transpose(0, 1).flatten(1)
    if tensor.ndim == 4 and name.endswith("weight"):
        return tensor.permute(2, 3, 0, 1) if transposed else tensor.permute(2, 3, 1, 0)
    return tensor.T if tensor.ndim == 2 else tensor


def network_of(variables: list[tuple[str, Any]], **static: Any) -> Network:
    """A network object, with the parts `mapping` and `synthesis` as objects of their own if it has these."""
    parts = {
        part: Network(variables=[(n.removeprefix(f"{part}/"), v) for n, v in variables if n.startswith(f"{part}/")])
        for part in ("mapping", "synthesis")
        if any(name.startswith(f"{part}/") for name, _ in variables)
    }
    own = [(n, v) for n, v in variables if n.partition("/")[0] not in parts]
    return Network(version=3, name="G", static_kwargs=static, components=parts, build_module_src="raise", variables=own)


@pytest.mark.parametrize(("system", "fused"), [("progan", False), ("progan", True), ("stylegan", False)])
def test_the_authors_pickles_are_converted(system: str, fused: bool, tmp_path: Path) -> None:
    adapter = find_adapter(system)
    model = tiny_model(system, (32, 32), **({"fused": fused, "group": 2} if system == "progan" else {}))
    fill_weights(model)
    for name, buffer in model.named_buffers():
        if name.endswith("lod"):
            buffer.fill_(0.25)
    states = {name: export_state(model.get_submodule(name), network) for name, network in adapter.networks.items()}
    other = {name: tensor + 1 for name, tensor in states["generator"].items()}
    tuple_of_three = tuple(
        network_of(variables_of(state, system, fused), mbstd_group_size=2)
        for state in (other, states["discriminator"], states["generator"])
    )
    path = write_pickle(tmp_path / "karras.pkl", tuple_of_three, 2)
    iw.import_checkpoint(path, system, tmp_path / "run")
    loaded = iw.load(tmp_path / "run")
    expected = model.state_dict()
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], msg=name)
    latents = loaded.sample_latents(2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(loaded.decode(latents), model.eval().decode(latents))
    another = "progan" if system == "stylegan" else "stylegan"
    with pytest.raises(RunError, match=f"looks like a .* of {system}"):
        import_checkpoint(path, another)


def test_the_oldest_pickles_are_named(tmp_path: Path) -> None:
    networks = tuple(Network(build_func_spec={}, param_values=[torch.zeros(2).numpy()]) for _ in range(3))
    path = write_pickle(tmp_path / "theano.pkl", networks, 2)
    with pytest.raises(RunError, match=r"theano\.pkl: .*Theano.*\.pth"):
        import_checkpoint(path, "progan")


def test_the_average_of_a_run_of_genforce_is_taken(tmp_path: Path) -> None:
    state, _ = published("progan", "generator", fused=False)
    twice = {name: 2 * tensor for name, tensor in state.items()}
    path = tmp_path / "checkpoint.pth"
    torch.save({"models": {"generator": twice, "generator_smooth": state}}, path)
    model = import_checkpoint(path, "progan")
    torch.testing.assert_close(model.generator.layers[0].weight, state["layer0.weight"])
