"""Export as a folder in the layout of diffusers: `model_index.json`, and a folder for each network.

It is the layout alone: diffusers has no pipelines and no classes for these models, as the README in the folder says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from imagewright.errors import RunError
from imagewright.exports.records import base_of, export_record, training_record, what_was_taken_out
from imagewright.exports.results import Exported, listed
from imagewright.exports.weights import stored_tensors
from imagewright.files import written_together
from imagewright.model import Model
from imagewright.output.writing import new_file
from imagewright.runs.loading import absent_networks
from imagewright.versions import version_of

INDEX, CONFIG, README = "model_index.json", "config.json", "README.md"
WEIGHTS = "diffusion_pytorch_model.safetensors"
REST = "other_tensors"  # a folder for buffers that are in no network


def export_diffusers(model: Model, out: Path, *, force: bool) -> Exported:
    """Write the folder. Raises `RunError` if there is one with files in it, unless `force`."""
    if not force and out.is_dir() and any(out.iterdir()):
        raise RunError(f"{out} exists already, and holds files. Choose another name, or replace them with --force.")
    base = base_of(model)
    record = export_record(base)
    networks = _networks(stored_tensors(base))
    index = {
        "_class_name": type(base).__name__,
        "_imagewright_version": version_of("imagewright"),
        **{name: ["imagewright", type(getattr(base, name, base)).__name__] for name in networks},
    }
    files: dict[Path, bytes] = {out / INDEX: _json(index)}
    for name, tensors in networks.items():
        config = {
            "_class_name": type(getattr(base, name, base)).__name__,
            "model": record["model"],
            "network": name,
            **record["config"],
        }
        files[out / name / CONFIG] = _json(config)
        files[out / name / WEIGHTS] = _safetensors(tensors)
    training = {**record, "training": training_record(base)}
    files[out / "imagewright.json"] = _json(training)
    files[out / README] = _readme(record, networks, absent_networks(base)).encode()
    with written_together():
        for path, content in files.items():
            with new_file(path, force=force) as file:
                file.write(content)
    note = (
        "diffusers itself opens none of it, because it has no classes for these networks: README.md in the folder says "
        "what reads it."
    )
    return Exported("diffusers", out, tuple(files), (note, *what_was_taken_out(base)))


def _networks(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The tensors of each network, by the first part of their names."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        network, dot, rest = name.partition(".")
        found.setdefault(network if dot else REST, {})[rest if dot else name] = tensor
    return found


def _safetensors(tensors: dict[str, Tensor]) -> bytes:
    from safetensors.torch import save

    return save({name: each.detach().cpu().contiguous() for name, each in tensors.items()}, {"format": "pt"})


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, default=str) + "\n").encode()


def _readme(record: dict[str, Any], networks: dict[str, Any], absent: list[str]) -> str:
    counted = "\n".join(
        f"| `{name}/` | {len(tensors)} | {sum(each.numel() for each in tensors.values()):,} |"
        for name, tensors in networks.items()
    )
    lacks = f"\nThe run does not hold {listed(absent)}.\n" if absent else ""
    return f"""# {record["model"]}, written by {record["software"]}

The layout is that of diffusers: `{INDEX}`, and for each network a folder with `{CONFIG}` and `{WEIGHTS}`.

| folder | tensors | numbers |
|---|---|---|
{counted}
{lacks}
## What reads it

- Every program that reads safetensors: `safetensors.torch.load_file("{next(iter(networks), "network")}/{WEIGHTS}")`.
- imagewright: all tensors under `FOLDER.NAME` are the state dict of `{record["model"]}`, whose options are in each
  `{CONFIG}`. `imagewright export RUN --to safetensors` writes one file that `imagewright.load` opens.
- Not diffusers: it has no pipeline for this model and no class for its networks, so that
  `DiffusionPipeline.from_pretrained` refuses the folder. A VAE here is another network than diffusers' `AutoencoderKL`:
  its weights do not fit there.

## Terms

Licence: {record["licence"]}.
Run: {record["run"]}, {record["images_seen"]} images seen.
"""
