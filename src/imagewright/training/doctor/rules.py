"""The rules: what figures of a run's reports mean, each with its threshold, where that comes from, and what to try.

A rule is a pure function of a run's history; it answers with evidence and a suggestion, or None. Those that judge what
a model makes wait until it has begun, and for three reports in a row: one odd report is no finding. Where a threshold
is said to have been watched, docs/doctor.md has the runs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

from imagewright.training.doctor.history import History, as_table

Rule = Callable[[History], tuple[str, str] | None]

# Pooled standard deviations between the logits of training pictures and of samples. Healthy games of five losses were
# watched between 0.5 and 6 once begun, also where no sample at all is judged above a training picture; those whose
# generator moved in one step of 20 or 50, between 8 and 20.
FAR_AHEAD = 8.0

# How often a training picture is judged more real than a sample. 0.5 is a coin, to which a game that ends in balance
# comes (0.51 was watched on digits); one of small nets swings around it, to 0.33. One held down by its penalty is at 0.
FAR_BEHIND = 0.25

# Distances among samples as a share of those among training pictures; 1 is the data's own. Healthy runs were watched
# from 0.36 (a VAE of eight faces: it draws the mean of many) to 1.0, collapsed ones from 0 to 0.25. Samples of a few
# modes may be far apart on the mean, but each has a twin: 0.26 is the lowest for a healthy run, of two latents.
COLLAPSED_SPREAD = 0.3
COLLAPSED_NEAREST = 0.1

# Nats that all latents together say of a picture: one nat tells not even three pictures apart.
COLLAPSED_NATS = 1.0
DEAD_SHARE = 0.9

# How often a training picture is judged more real than one that was never shown: 0.5 where both are alike, and 0.6 is
# what small sets come to in a few rounds. Few held-out pictures may be odd ones: two standard errors are added.
OVERFITTED = 0.6
JUDGED = 3 * 32  # training pictures in three reports

# The share of samples that are copies, beyond that of training pictures that have a near-duplicate. No sample of
# healthy runs was one; of a GAN on eight pictures 20 to 50 of 100 were.
MEMORISED = 0.1

# Times the usual norm of a gradient. In healthy runs the largest was watched up to ten times the usual one.
EXPLODING = 100.0

# Of their own size that weights would move in the whole training at the pace of the last reports. Networks that learn
# move many times their size; one that moves a hundredth is where it began.
STALLED = 0.01


def far_ahead(history: History) -> tuple[str, str] | None:
    distances = history.latest("discriminator/distance")
    if not history.has_begun or not distances or min(distances) <= FAR_AHEAD:
        return None
    evidence = (
        f"its logits of training pictures lie {distances[-1]:.1f} standard deviations above those of samples "
        f"(threshold {FAR_AHEAD:g})"
    )
    if (history.option("generator_every") or 1) > 1:
        return evidence, "Try --generator-every 1, so that the generator keeps up."
    return evidence, _penalise(history)


def far_behind(history: History) -> tuple[str, str] | None:
    shares = history.latest("discriminator/training_over_samples")
    if not history.has_begun or not shares or max(shares) >= FAR_BEHIND:
        return None
    evidence = (
        f"it finds a training picture more real than a sample in {100 * shares[-1]:.0f} of 100 pairs "
        f"(threshold {100 * FAR_BEHIND:.0f}; a coin has 50)"
    )
    penalty = history.option("penalty") or 0
    if penalty > 1:
        return evidence, f"Try a weaker --penalty (now {penalty:g})."
    if history.has_option("generator_every"):
        return evidence, f"Try --generator-every {(history.option('generator_every') or 1) + 1}."
    return evidence, "Try a lower --learning-rate."


def collapse(history: History) -> tuple[str, str] | None:
    """Samples, or what a model without a prior rebuilds."""
    for figure, threshold, words in (
        ("samples/spread", COLLAPSED_SPREAD, "the mean distance between two samples"),
        ("samples/nearest", COLLAPSED_NEAREST, "the distance from a sample to the one most like it"),
        ("reconstructions/spread", COLLAPSED_SPREAD, "the mean distance between two reconstructions"),
    ):
        shares = history.latest(figure)
        if history.has_begun and shares and max(shares) < threshold and not history.grows(figure):
            evidence = f"{words} is {shares[-1]:.2f} of that between training pictures (threshold {threshold:g})"
            return evidence, _diversify(history)
    return None


def posterior_collapse(history: History) -> tuple[str, str] | None:
    nats = history.latest("posterior/nats")
    if not history.has_begun or not nats or max(nats) >= COLLAPSED_NATS:
        return None
    evidence = f"all latents together say {nats[-1]:.2g} nats of a picture (threshold {COLLAPSED_NATS:g})"
    beta = history.option("beta")
    if beta and beta > 1:
        return evidence, f"Try a lower --beta (now {beta:g}), such as 1."
    return evidence, "Try --beta 0.1." if beta else "Try a lower --learning-rate."


def dead_latents(history: History) -> tuple[str, str] | None:
    dead, latents = history.latest("posterior/dead"), history.latest("posterior/latents")
    if not history.has_begun or not dead or not latents or min(dead) <= DEAD_SHARE * latents[-1]:
        return None
    alive = int(latents[-1] - dead[-1])
    evidence = (
        f"{dead[-1]:.0f} of {latents[-1]:.0f} say less than 0.01 nats of a picture "
        f"(threshold {100 * DEAD_SHARE:.0f} of 100)"
    )
    if alive:
        return evidence, f"Try --latent-dim {max(2, 2 * alive)}: the same pictures, a smaller code."
    return None  # that is the collapse above


def exploding(history: History) -> tuple[str, str] | None:
    for phase in history.names("gradients/", "/largest"):
        usual = history.figures(f"gradients/{phase}/typical")[:-1]
        largest = history.latest(f"gradients/{phase}/largest", 1)
        # The first reports are the start itself, whose gradients are like no later ones.
        if len(usual) < 3 or not largest:
            continue
        times = largest[-1] / max(statistics.median(usual), 1e-12)
        # Beside gradients that died out, any is large: it must also be more than the training began with.
        if times > EXPLODING and largest[-1] > max(usual):
            said = f"the largest of the {phase} was {largest[-1]:.3g}, {times:,.0f} times the usual"
            return f"{said} (threshold {EXPLODING:g})", _calm(history)
    return None


def not_finite(history: History) -> tuple[str, str] | None:
    for phase in history.names("gradients/", "/not_finite"):
        (count,) = history.latest(f"gradients/{phase}/not_finite", 1) or [0.0]
        if count:
            evidence = f"{count:.0f} of the {phase} since the report before were not finite (threshold 0)"
            return evidence, _calm(history)
    return None


def memorised(history: History) -> tuple[str, str] | None:
    copies, usual = history.latest("samples/copies"), history.latest("training/copies")
    if not history.has_begun or not copies or not usual or min(copies) - usual[-1] <= MEMORISED:
        return None
    evidence = (
        f"{100 * copies[-1]:.0f} of 100 samples are a training picture again, of which {100 * usual[-1]:.0f} of 100 "
        f"are one another's (threshold {100 * MEMORISED:.0f} more)"
    )
    return evidence, _shorten(history)


def overfitted(history: History) -> tuple[str, str] | None:
    shares = history.latest("discriminator/training_over_held_out")
    held_out = history.latest("discriminator/held_out", 1)
    if not history.has_begun or not shares or not held_out or not held_out[-1]:
        return None
    # The standard error of a share of pairs that chance alone orders (Mann & Whitney 1947, section 3).
    threshold = OVERFITTED + 2 * math.sqrt((1 / held_out[-1] + 1 / JUDGED) / 12)
    share = statistics.fmean(shares)
    if share <= threshold:
        return None
    evidence = (
        f"it finds a training picture more real than a held-out one in {100 * share:.0f} of 100 pairs "
        f"(threshold {100 * threshold:.0f}; a coin has 50)"
    )
    return evidence, _penalise(history) if not history.option("penalty") else _shorten(history)


def stalled(history: History) -> tuple[str, str] | None:
    steps = history.planned("images_seen") / max(1, history.planned("batch_size"))
    base = history.planned("learning_rate")
    for network in history.names("step/", ""):
        paces = history.latest(f"step/{network}")
        rate = as_table(history.lines[-1].get("learning_rates")).get(network, 0.0)
        # A schedule that begins or ends at nothing is meant to stand still there.
        if not paces or not base or rate < 0.1 * base:
            continue
        moved = max(paces) * steps
        if moved < STALLED:
            said = f"at its pace the {network} moves by {moved:.1g} of its size in the whole training"
            if network == "discriminator" and (behind := far_behind(history)) is not None:
                return f"{said} (threshold {STALLED:g})", behind[1]
            # One that moved before was thrown where its gradients vanish; one that never did is not driven.
            better = "lower" if history.figures(f"step/{network}")[0] * steps > STALLED else "higher"
            return f"{said} (threshold {STALLED:g})", f"Try a {better} --learning-rate (now {base:g})."
    return None


RULES: dict[str, Rule] = {
    "gradients not finite": not_finite,
    "gradients exploding": exploding,
    "training stalled": stalled,
    "discriminator far ahead": far_ahead,
    "discriminator far behind": far_behind,
    "discriminator overfitted": overfitted,
    "collapse": collapse,
    "posterior collapse": posterior_collapse,
    "dead latents": dead_latents,
    "memorisation": memorised,
}

# The figure, or the beginning of its name, without which a rule has nothing to judge.
NEEDED: dict[str, str | tuple[str, ...]] = {
    "gradients not finite": "gradients/",
    "gradients exploding": "gradients/",
    "training stalled": "step/",
    "discriminator far ahead": "discriminator/distance",
    "discriminator far behind": "discriminator/training_over_samples",
    "discriminator overfitted": "discriminator/training_over_held_out",
    "collapse": ("samples/spread", "reconstructions/spread"),
    "posterior collapse": "posterior/nats",
    "dead latents": "posterior/dead",
    "memorisation": "samples/copies",
}


# What to try, of the options that the model has


def _penalise(history: History) -> str:
    if not history.has_option("penalty"):
        return f"Try a lower --learning-rate (now {history.planned('learning_rate'):g})."
    penalty = history.option("penalty")
    return f"Try --penalty {4 * penalty:g} (now {penalty:g})." if penalty else "Try --penalty 0.5."


def _diversify(history: History) -> str:
    for cause in (stalled, posterior_collapse, far_ahead):
        if (said := cause(history)) is not None:
            return said[1]
    beta = history.option("beta")
    if beta and beta > 1:
        return f"Try a lower --beta (now {beta:g}), such as 1."
    if history.has_option("loss") and history.option("penalty"):
        return "Try --loss relativistic." if history.option("loss") != "relativistic" else _lower_rate(history)
    return _penalise(history) if history.has_option("penalty") else _lower_rate(history)


def _calm(history: History) -> str:
    return "Try --clip 1." if not history.planned("clip") else _lower_rate(history)


def _shorten(history: History) -> str:
    return "Try more pictures, --flip where the mirror image is one too, or fewer --images-seen."


def _lower_rate(history: History) -> str:
    return f"Try a lower --learning-rate (now {history.planned('learning_rate'):g})."
