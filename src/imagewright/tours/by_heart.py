"""Whether a model knows the pictures of a tour by heart: its score against them then says nothing of new pictures."""

from __future__ import annotations

import torch

from imagewright.capabilities import verbs_of
from imagewright.errors import DataError, count_text
from imagewright.images.selection import even_places
from imagewright.latent.neighbours.neighbours import neighbours
from imagewright.model import Model
from imagewright.tours.work import TourWork
from imagewright.verbs.apply import reconstruct

REBUILT = 16  # pictures of the training
EXACT = 1.0  # grey levels: what rounding changes
MOST_PICTURES = 5_000  # of larger sets nothing is learned by heart in the minutes of a tour, and looking takes long
MOST_SAMPLES = 64


def by_heart(work: TourWork, model: Model) -> str | None:
    """The sentence that says so; None if there is no sign of it.

    A model that rebuilds every training picture to the grey level holds them; another is tested by the distances of its
    samples to the training pictures (`neighbours`).
    """
    trained, verbs = work.sized.trained, verbs_of(model)
    if "sample" not in verbs or len(trained) > MOST_PICTURES:
        return None
    trained.prepare()  # in a tour that goes on no part before may have read them, so that unreadable ones still count
    if "reconstruct" in verbs:
        images = trained.batch(even_places(len(trained), REBUILT)).images
        rebuilt = torch.as_tensor(reconstruct(model, images))
        if float((images.float() - rebuilt.float()).abs().max()) <= EXACT:
            return (
                f"It knows the {count_text(len(trained), 'picture')} of its training by heart, as it rebuilds them "
                "exactly: its scores against them say nothing of new pictures."
            )
    try:
        found = neighbours(
            model,
            trained,
            work.sized.reference if work.sized.held_out else None,
            count=min(MOST_SAMPLES, work.record.scored),
            seed=work.record.seed,
            progress=work.clock.tick,
        )
    except DataError:  # too few different pictures to tell near from far
        return None
    # In the features of a network that has hardly learned, all noise is near to one picture: pixels alone are judged.
    copies = max((each.copies for each in found.spaces if each.space == "pixels" and each.has_copies), default=0.0)
    return f"It knows pictures by heart: {copies:.0%} of its samples repeat one of the training." if copies else None
