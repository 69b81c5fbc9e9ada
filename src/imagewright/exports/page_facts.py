"""What a page offers, of a model that decodes: seeds, classes, attributes, codes and directions.

Shape letters: S seeds, K classes, Z numbers of a flattened latent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from imagewright.capabilities import LatentPart, latent_parts_of, samples_attributes, samples_classes, verbs_of
from imagewright.errors import UserError, count_text
from imagewright.latent import store
from imagewright.latent.directions.directions import directions
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import sample_latents
from imagewright.verbs.paths import default_interpolation, noise_places

SEEDS = 64
MOST_NUMBERS = 4_000_000  # float32, of the latents of all seeds of all classes: 16 MB
FOUND = 6  # directions that are searched if none is saved
FITTED = 4096  # samples by which the page's own new pictures are distributed
MOST_FITTED = 1024  # numbers of a latent: a covariance of more is too large for a page


@dataclass
class PageFacts:
    """What a page knows of latents.

    Attributes:
        facts: JSON values.
        tensors: float32, by name: "seeds" (K or 1, S, Z), "directions", "saved", "mean", "factor".
        notes: sentences for the user.
    """

    facts: dict[str, Any]
    tensors: dict[str, Tensor]
    notes: list[str] = field(default_factory=list)


def latent_facts(model: Any, run: Run | None) -> PageFacts:
    """Collect them. Raises `UserError` for a model that has neither samples nor saved latents to start from."""
    parts = latent_parts_of(model)
    found = PageFacts({"shape": list(model.latent_shape), "parts": [_part(each) for each in parts]}, {})
    _add_saved(found, model, run)
    if "sample" in verbs_of(model):
        _add_seeds(found, model, parts)
        _add_density(found, model, parts)
    elif "saved" not in found.tensors:
        raise UserError(
            "It makes no new pictures by itself, and no latents are saved in the run to start from: save some by "
            "`imagewright latent project RUN PICTURE --save NAME`."
        )
    _add_directions(found, model, run)
    places = noise_places(parts)
    spherical = default_interpolation(model) == "spherical"
    found.facts["spherical"] = [places.min().item(), places.max().item() + 1] if spherical and len(places) else None
    return found


def _part(part: LatentPart) -> dict[str, Any]:
    return {"name": part.name, "kind": part.kind, "start": part.start, "stop": part.stop, "code": part.code}


def _add_seeds(found: PageFacts, model: Any, parts: tuple[LatentPart, ...]) -> None:
    """The latents of the package's seeds 0 to 63; of each class if the page cannot put the class in by itself."""
    numbers = math.prod(model.latent_shape)
    classes = list(model.class_names) if samples_classes(model) else []
    in_latent = any(part.kind == "category" and not part.code for part in parts)
    each: list[int | None] = [None] if in_latent or not classes else [*range(len(classes))]
    absent = set(getattr(model, "absent_classes", ()))
    each = [number for number in each if number is None or classes[number] not in absent]
    count = max(1, min(SEEDS, MOST_NUMBERS // (numbers * len(each))))
    rows = [torch.cat([sample_latents(model, 1, seed, label) for seed in range(count)]).flatten(1) for label in each]
    found.tensors["seeds"] = torch.stack(rows)
    found.facts["seeds"] = count
    found.facts["classes"] = [name for name in classes if name not in absent] if not in_latent else classes
    found.facts["class_in_latent"] = in_latent
    if samples_attributes(model):
        found.facts["attributes"] = list(model.attribute_names)
    if count < SEEDS:
        found.notes.append(f"The page has {count_text(count, 'seed')} of each class, to stay small.")


def _add_density(found: PageFacts, model: Any, parts: tuple[LatentPart, ...]) -> None:
    """How the page itself samples noise: as the prior does, or by the mean and covariance of samples."""
    places = noise_places(parts)
    found.facts["own"] = None
    if not len(places) or len(found.tensors["seeds"]) > 1:
        return
    if _is_standard_normal(model, places):
        found.facts["own"] = "normal"
        return
    if len(places) > MOST_FITTED:
        found.notes.append("The page makes no pictures of its own seeds: the latents have too many numbers.")
        return
    generator = torch.Generator().manual_seed(derive_seed(0, "page"))
    samples = model.sample_latents(FITTED, generator).flatten(1)[:, places].double()
    covariance = torch.cov(samples.T).reshape(len(places), len(places))
    values, vectors = torch.linalg.eigh(covariance)
    found.tensors["mean"] = samples.mean(0).float()
    found.tensors["factor"] = (vectors * values.clamp(min=0).sqrt()).float()
    found.facts["own"] = "gaussian"
    found.notes.append(
        "New pictures of the page itself are sampled from one Gaussian, with the mean and covariance of the model's "
        "samples; those of the seeds are the model's own."
    )


def _is_standard_normal(model: Any, places: Tensor) -> bool:
    """Whether the noise is what torch's normal generator gives, number by number."""
    latent = model.sample_latents(1, torch.Generator().manual_seed(1)).flatten(1)[:, places]
    return torch.equal(latent, torch.randn(1, len(places), generator=torch.Generator().manual_seed(1)))


def _add_saved(found: PageFacts, model: Model, run: Run | None) -> None:
    rows, names = [], []
    for name in store.names_of(run, "latents") if run is not None else []:
        try:
            latents = store.load(run, model, name, "latents").tensors["latents"].float().flatten(1)[:SEEDS]
        except UserError as error:
            found.notes.append(f"Left out: the latents {name}. {error}")
            continue
        rows.append(latents)
        names += [name if len(latents) == 1 else f"{name} {number}" for number in range(len(latents))]
    if rows:
        found.tensors["saved"] = torch.cat(rows)
        found.facts["saved"] = names


def _add_directions(found: PageFacts, model: Model, run: Run | None) -> None:
    rows, names = [], []
    for name in store.names_of(run, "direction") if run is not None else []:
        try:
            saved = store.load(run, model, name, "direction").tensors
        except UserError as error:
            found.notes.append(f"Left out: the direction {name}. {error}")
            continue
        rows.append((saved["direction"] * saved["scale"]).float().flatten())
        names.append(name)
    if not rows:
        try:
            searched = directions(model, count=_count_of_directions(model), seed=0)
        except UserError:
            return
        rows = list((searched.directions.flatten(1) * searched.scales[:, None]).float())
        names = [f"direction {number + 1}" for number in range(len(rows))]
        found.notes.append(
            f"No directions are saved in the run: its {count_text(len(rows), 'slider')} move along those that "
            "`imagewright latent directions` finds."
        )
    found.tensors["directions"] = torch.stack(rows)
    found.facts["directions"] = names


def _count_of_directions(model: Model) -> int:
    numbers = sum(part.stop - part.start for part in latent_parts_of(model) if part.is_noise)
    return max(1, min(FOUND, numbers))
