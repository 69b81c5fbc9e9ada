"""The rules of the doctor, each with its threshold, the observations behind the threshold, and an option to try.

A rule is a pure function of a run's history. It returns evidence and a remedy if it finds a problem, else None.
Rules about samples, reconstructions and discriminators wait until training has begun (`History.has_begun`), and must
hold at three reports in a row, so that a single unusual report is no finding. docs/doctor.md lists the observed runs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

from imagewright.errors import count_text
from imagewright.training.doctor.changes import (
    FACTOR,
    change_rate,
    lower_beta,
    penalise,
    strengthen_discriminator,
    take_smaller_steps,
    train_longer,
    vary_data,
)
from imagewright.training.doctor.history import BEGINNING_STEPS, History, as_mapping
from imagewright.training.doctor.picture_rules import class_collapse, noise
from imagewright.training.doctor.remedies import Found, Remedy
from imagewright.training.doctor.swap_rules import copies_target, eaten_face, missing_poses

Rule = Callable[[History], Found | None]

# Distance between the mean logits of training pictures and of samples, in pooled standard deviations. Observed: 0.5 to
# 6 in healthy trainings with five losses once they had begun, also if the logits of all samples were below those of all
# training pictures; 8 to 20 if the generator moved in one step of 20 or 50 only.
FAR_AHEAD = 8.0

# P(logit of a training picture > logit of a sample). 0.5 is chance, where a balanced training ends (0.51 observed on
# digits). A training of small networks oscillated around it, down to 0.33. A discriminator with too strong a penalty
# reaches 0.
FAR_BEHIND = 0.25

# Distances among samples relative to those among training pictures; 1 is as diverse as the data. Observed mean
# distances: 0.36 (a VAE on eight faces, whose samples are means of many) to 1.0 in healthy runs, 0 to 0.25 in collapsed
# ones. Samples of a few modes can be far apart on average, but then each is near another: the distance to the nearest
# was never below 0.26 in healthy runs (a VAE with two latents).
COLLAPSED_SPREAD = 0.3
COLLAPSED_NEAREST = 0.1

# KL(posterior || prior) in nats, over all latents. One nat cannot even tell three pictures apart.
COLLAPSED_NATS = 1.0
DEAD_SHARE = 0.9  # of latents

# The divergence of the aggregate posterior from the prior in nats, latent by latent: the larger of a number and of one
# for each latent. Observed: 2.3 to 3.5 over 64 latents in a healthy training on digits (deviations 0.9 to 1.4), 62 and
# 72 on 320 flowers and on 1,450 faces of 64 pixels (deviations 2 to 3.3), whose samples of the prior were mush.
PARTED_NATS = 2.0
PARTED_NATS_EACH = 0.25

# P(logit of a training picture > logit of a held-out picture). 0.5 is chance; small sets reach 0.6 in a few rounds. Two
# standard errors are added, since few held-out pictures may be unusual ones.
OVERFITTED = 0.6
PAIRED_TRAINING = 3 * 32  # training pictures whose logits are compared in three reports

# The share of samples that are copies of a training picture, beyond the share of training pictures that are near-
# duplicates. Observed: 0 in healthy runs, 0.2 to 0.5 for a GAN on eight pictures.
MEMORISED = 0.1

# The largest gradient norm relative to the median of earlier reports. Observed in healthy runs: up to 10.
EXPLODING = 100.0

# The distance that weights would move in the whole training at the present step size, relative to their norm. Networks
# that learn move many times their norm; a hundredth of it changes nothing.
STALLED = 0.01
MOVING = 0.1  # what a higher learning rate shall reach, if no rate above the highest one is needed
HIGHEST_RATE = 0.01
THROWN = 0.1  # times a rate that threw the weights to where gradients vanish


def far_ahead(history: History) -> Found | None:
    """A discriminator separates training pictures from samples too well for the generator to learn."""
    evidence = []
    for name in history.names("", "/distance"):
        distances = history.latest(f"{name}/distance")
        if distances and min(distances) > FAR_AHEAD:
            evidence.append(
                f"{_subject(name)}the mean logit of training pictures is {distances[-1]:.1f} standard deviations above "
                f"that of samples (threshold {FAR_AHEAD:g})"
            )
    if not history.has_begun or not evidence:
        return None
    if (history.option("generator_every") or 1) > 1:
        note = ", so that the generator is updated more often"
        return "; ".join(evidence), Remedy(option="generator_every", value=1, note=note)
    return "; ".join(evidence), penalise(history)


def far_behind(history: History) -> Found | None:
    """A discriminator gives samples higher logits than training pictures, so that its gradient misleads."""
    names = _names_far_behind(history)
    if not names:
        return None
    figures = {name: history.latest(f"{name}/training_over_samples")[-1] for name in names}
    evidence = "; ".join(
        f"{_subject(name)}P(logit of a training picture > logit of a sample) is {share:.2f} (threshold {FAR_BEHIND:g}, "
        "chance 0.5)"
        for name, share in figures.items()
    )
    return evidence, strengthen_discriminator(history)


def _names_far_behind(history: History) -> list[str]:
    """The names of the discriminators that are far behind."""
    shares = {
        name: history.latest(f"{name}/training_over_samples") for name in history.names("", "/training_over_samples")
    }
    if not history.has_begun:
        return []
    return [name for name, latest in shares.items() if latest and max(latest) < FAR_BEHIND]


def overfitted(history: History) -> Found | None:
    """A discriminator has learned its training pictures by heart."""
    evidence = []
    for name in history.names("", "/training_over_held_out"):
        shares = history.latest(f"{name}/training_over_held_out")
        held_out = history.latest(f"{name}/held_out", 1)
        if not shares or not held_out or not held_out[-1]:
            continue
        # The standard error of P(x > y) for equal distributions (Mann & Whitney 1947, section 3).
        threshold = OVERFITTED + 2 * math.sqrt((1 / held_out[-1] + 1 / PAIRED_TRAINING) / 12)
        share = statistics.fmean(shares)
        if share > threshold:
            evidence.append(
                f"{_subject(name)}P(logit of a training picture > logit of a held-out picture) is {share:.2f} "
                f"(threshold {threshold:.2f}, chance 0.5)"
            )
    if not history.has_begun or not evidence:
        return None
    return "; ".join(evidence), vary_data(history) if history.option("penalty") else penalise(history)


def _subject(name: str) -> str:
    """The start of the evidence about a discriminator: its name, unless the finding's name says it already."""
    return "" if name == "discriminator" else f"{name}: "


def collapse(history: History) -> Found | None:
    """Samples are all similar; or reconstructions, if the model does not sample."""
    for figure, threshold, distance in (
        ("samples/spread", COLLAPSED_SPREAD, "the mean distance between samples"),
        ("samples/nearest", COLLAPSED_NEAREST, "the distance from a sample to the nearest other sample"),
        ("reconstructions/spread", COLLAPSED_SPREAD, "the mean distance between reconstructions"),
    ):
        ratios = history.latest(figure)
        if history.has_begun and ratios and max(ratios) < threshold and not history.grows(figure):
            evidence = f"{distance} is {ratios[-1]:.2f} times that of training pictures (threshold {threshold:g})"
            return evidence, _diversify(history)
    return None


def posterior_collapse(history: History) -> Found | None:
    """The latents carry no information about the picture."""
    nats = history.latest("posterior/nats")
    if not history.has_begun or not nats or max(nats) >= COLLAPSED_NATS:
        return None
    evidence = f"KL(posterior || prior) of all latents is {nats[-1]:.2g} nats a picture (threshold {COLLAPSED_NATS:g})"
    beta = history.option("beta")
    if beta and beta > 1:
        return evidence, lower_beta(history)
    return evidence, Remedy(option="beta", value=0.1) if beta else change_rate(history, 1 / FACTOR)


def dead_latents(history: History) -> Found | None:
    """Most latents carry no information about the picture."""
    dead, latents = history.latest("posterior/dead"), history.latest("posterior/latents")
    if not history.has_begun or not dead or not latents or min(dead) <= DEAD_SHARE * latents[-1]:
        return None
    alive = int(latents[-1] - dead[-1])
    if not alive:
        return None  # reported as a posterior collapse
    evidence = (
        f"{dead[-1]:.0f} of {latents[-1]:.0f} latents have a KL(posterior || prior) below 0.01 nats "
        f"(threshold {DEAD_SHARE:.0%})"
    )
    return evidence, Remedy(option="latent_dim", value=max(2, 2 * alive), note=": a smaller code for the same pictures")


def parted(history: History) -> Found | None:
    """Latents of training pictures are distributed otherwise than the prior, so that its samples are none of them."""
    nats, latents = history.latest("aggregate/nats"), history.latest("posterior/latents")
    largest, median = history.latest("aggregate/largest_deviation"), history.latest("aggregate/median_deviation")
    if not history.has_begun or not nats or not latents or not largest or not median:
        return None
    threshold = max(PARTED_NATS, PARTED_NATS_EACH * latents[-1])
    if min(nats) <= threshold:
        return None
    evidence = (
        f"the latents of training pictures deviate by up to {largest[-1]:.1f} (median {median[-1]:.1f}) where the "
        f"prior has 1: together they are {nats[-1]:.0f} nats or more from it (threshold {threshold:.0f})"
    )
    return evidence, train_longer(
        history,
        ". Sample from the density fitted to the latents, which is the default (--sample-from fitted): samples of the "
        "prior will be unlike the pictures",
    )


def exploding(history: History) -> Found | None:
    """The largest gradient of a phase is far above the usual ones."""
    for phase in history.names("gradients/", "/largest"):
        typical = history.figures(f"gradients/{phase}/typical")[:-1]
        largest = history.latest(f"gradients/{phase}/largest", 1)
        # Gradients at the start of a training are unlike later ones, so that a few reports are needed.
        if len(typical) < 3 or not largest:
            continue
        ratio = largest[-1] / max(statistics.median(typical), 1e-12)
        # Any gradient is large relative to vanished ones: it must also be larger than those at the start.
        if ratio > EXPLODING and largest[-1] > max(typical):
            evidence = (
                f"the largest gradient norm of phase {phase} was {largest[-1]:.3g}, {ratio:,.0f} times the median of "
                f"earlier reports (threshold {EXPLODING:g})"
            )
            return evidence, take_smaller_steps(history)
    return None


def not_finite(history: History) -> Found | None:
    """Gradients of a phase were NaN or infinite."""
    for phase in history.names("gradients/", "/not_finite"):
        (count,) = history.latest(f"gradients/{phase}/not_finite", 1) or [0.0]
        if count:
            evidence = (
                f"{count:.0f} gradients of phase {phase} since the previous report were NaN or infinite (threshold 0)"
            )
            return evidence, take_smaller_steps(history)
    return None


def memorised(history: History) -> Found | None:
    """Samples are copies of training pictures."""
    copies, duplicates = history.latest("samples/copies"), history.latest("training/copies")
    if not history.has_begun or not copies or not duplicates or min(copies) - duplicates[-1] <= MEMORISED:
        return None
    evidence = (
        f"{copies[-1]:.0%} of samples are copies of a training picture, and {duplicates[-1]:.0%} of training pictures "
        f"are near-duplicates of another (threshold {100 * MEMORISED:.0f} percentage points more)"
    )
    return evidence, vary_data(history)


def stalled(history: History) -> Found | None:
    """A network hardly moves."""
    steps = history.planned("images_seen") / max(1, history.planned("batch_size"))
    base = history.planned("learning_rate")
    for network in history.names("step/", ""):
        sizes = history.latest(f"step/{network}")
        rate = as_mapping(history.reports[-1].get("learning_rates")).get(network, 0.0)
        # A schedule or warm-up may have brought the learning rate close to 0 on purpose.
        if not sizes or not base or rate < 0.1 * base:
            continue
        moved = max(sizes) * steps
        if moved < STALLED:
            evidence = (
                f"at its present step size the {network} moves by {moved:.1g} of its weights' norm in the whole "
                f"training (threshold {STALLED:g})"
            )
            if network in _names_far_behind(history):
                return evidence, strengthen_discriminator(history)
            if steps < BEGINNING_STEPS and max(sizes) * BEGINNING_STEPS >= STALLED:
                enough = BEGINNING_STEPS * max(1, int(history.planned("batch_size")))
                return evidence, train_longer(history, f": {count_text(round(steps), 'step')} are few", enough)
            # A network that moved at first was thrown to where gradients vanish; one that never moved needs more.
            moved_at_first = history.figures(f"step/{network}")[0] * steps > STALLED
            higher = max(FACTOR, min(MOVING / max(moved, 1e-30), HIGHEST_RATE / base))
            return evidence, change_rate(history, THROWN if moved_at_first else higher)
    return None


RULES: dict[str, Rule] = {
    "gradients not finite": not_finite,
    "gradients exploding": exploding,
    "training stalled": stalled,
    "discriminator far ahead": far_ahead,
    "discriminator far behind": far_behind,
    "discriminator overfitted": overfitted,
    "noise": noise,
    "collapse": collapse,
    "collapse within classes": class_collapse,
    "posterior collapse": posterior_collapse,
    "dead latents": dead_latents,
    "prior and latents apart": parted,
    "memorisation": memorised,
    "swap copies the target": copies_target,
    "mask eats the face": eaten_face,
    "source lacks poses": missing_poses,
}

# The others wait: `has_begun`.
FROM_THE_START = ("gradients not finite", "gradients exploding", "training stalled", "source lacks poses")

# Patterns of figures: a rule applies to a report if one of its figures matches one of them. A discriminator's figures
# begin with its own name, of which a model may have several (CycleGAN: d_a, d_b).
NEEDED: dict[str, tuple[str, ...]] = {
    "gradients not finite": ("gradients/*",),
    "gradients exploding": ("gradients/*",),
    "training stalled": ("step/*",),
    "discriminator far ahead": ("*/distance",),
    "discriminator far behind": ("*/training_over_samples",),
    "discriminator overfitted": ("*/training_over_held_out",),
    "noise": ("samples/roughness",),
    "collapse": ("samples/spread", "reconstructions/spread"),
    "collapse within classes": ("samples/collapsed_classes",),
    "posterior collapse": ("posterior/nats",),
    "dead latents": ("posterior/dead",),
    "prior and latents apart": ("aggregate/nats",),
    "memorisation": ("samples/copies",),
    "swap copies the target": ("swap/to_source",),
    "mask eats the face": ("swap/mask_area",),
    "source lacks poses": ("swap/poses_missing",),
}


def _diversify(history: History) -> Remedy:
    """What makes samples more diverse: the remedy of the cause if that is found too."""
    for cause in (stalled, posterior_collapse, far_ahead):
        if (found := cause(history)) is not None:
            return found[1]
    beta = history.option("beta")
    if beta and beta > 1:
        return lower_beta(history)
    if history.has_option("loss") and history.option("penalty"):
        if history.option("loss") == "relativistic":
            return change_rate(history, 1 / FACTOR)
        return Remedy(option="loss", value="relativistic")
    return penalise(history)
