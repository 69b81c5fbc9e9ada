"""The changes of options that several rules suggest, by the options that the model has and their present values."""

from __future__ import annotations

from imagewright.training.doctor.history import History, as_mapping
from imagewright.training.doctor.remedies import Remedy, scaled

FACTOR = 2.0  # by which a number becomes lower or higher if nothing better is known
STRONGER = 4.0  # of a penalty
FIRST_PENALTY = 0.5


def penalise(history: History) -> Remedy:
    """A penalty on the discriminator's gradient, or a stronger one; half the learning rate for a model without one."""
    if not history.has_option("penalty"):
        return change_rate(history, 1 / FACTOR)
    penalty = history.option("penalty")
    if not penalty:
        return Remedy(option="penalty", value=FIRST_PENALTY)
    return Remedy(option="penalty", value=scaled(float(penalty), STRONGER), now=float(penalty))


def strengthen_discriminator(history: History) -> Remedy:
    """A weaker penalty, or more steps of the discriminator; half the learning rate for a model without both."""
    penalty = history.option("penalty") or 0
    if penalty > 1:
        return Remedy(option="penalty", value=scaled(float(penalty), 1 / FACTOR), now=float(penalty))
    if history.has_option("generator_every"):
        return Remedy(option="generator_every", value=(history.option("generator_every") or 1) + 1)
    return change_rate(history, 1 / FACTOR)


def lower_beta(history: History) -> Remedy:
    """The weight of the divergence as in the ELBO."""
    return Remedy(option="beta", value=1.0, now=float(history.option("beta")))


def change_rate(history: History, factor: float) -> Remedy:
    """Another learning rate."""
    rate = history.planned("learning_rate")
    if not rate:  # a record without it
        return Remedy(note=f"Try a {'lower' if factor < 1 else 'higher'} --learning-rate")
    return Remedy(option="learning_rate", value=scaled(rate, factor), now=rate)


def take_smaller_steps(history: History) -> Remedy:
    """Clipped gradients; if they are, a lower learning rate."""
    if history.planned("clip"):
        return change_rate(history, 1 / FACTOR)
    return Remedy(option="clip", value=1.0)


def train_longer(history: History, note: str = "", images_seen: int | None = None) -> Remedy:
    """A longer training.

    note: the rest of the sentence.
    images_seen: of the new training; by default twice the planned ones, and at least those that show whether it learns.
    """
    now = int(history.planned("images_seen"))
    if not now:  # a record without it
        return Remedy(note=f"Try more --images-seen{note}")
    wanted = max(scaled(now, FACTOR), history.fewest_images) if images_seen is None else images_seen
    return Remedy(option="images_seen", value=wanted, now=now, note=note)


def vary_data(history: History) -> Remedy:
    """More different pictures, or fewer passes over them."""
    if not as_mapping(history.record.get("source")).get("flip"):
        note = " if mirror images are as likely, more pictures, or fewer --images-seen"
        return Remedy(option="flip", value=True, note=note)
    now = int(history.planned("images_seen"))
    if not now:
        return Remedy(note="Try more pictures, or fewer --images-seen")
    return Remedy(option="images_seen", value=scaled(now, 1 / FACTOR), now=now, note=", or more pictures")
