"""What is measured before a training: how many images there is time for, and the precision that is fastest here."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping

import numpy as np
import torch

from imagewright import distributed
from imagewright.counts import minutes_text
from imagewright.images import Images
from imagewright.model import Model
from imagewright.training import device as devices
from imagewright.training.options import TrainingOptions
from imagewright.training.plan import Plan, fewest_images
from imagewright.training.reporting import Say, tell_if_slow
from imagewright.training.sizes import useful_side
from imagewright.training.suggestions import planned_minutes
from imagewright.training.trial import Trial, run_trial

SHARE_OF_STEPS = 0.9  # of the time; reports, checkpoints and pages take most of the rest
WORTH_IT = 1.15  # times as fast as fp32, from which on bf16 is chosen
SHORT_STEPS, SHORT_SECONDS = 64, 20.0  # a training of a given length that is shorter is not measured: it is fp32


def complete_plan(
    model: Model,
    sources: Mapping[str, Images],
    options: TrainingOptions,
    plan: Plan,
    held_out: np.ndarray,
    device: torch.device,
    say: Say,
    *,
    spent: float = 0.0,
) -> Plan:
    """The plan of a new training with its length and its precision, measured if they were left open.

    model: equipped.
    sources: images by the name of the source, prepared.
    options: of the training.
    plan: of these options; its length is the recipe's if none was given.
    held_out: indices in the first source that training never uses.
    device: of the training.
    say: called with one line.
    spent: seconds of the user's time that are over before the first step.
    """
    precisions = open_precisions(model, options, plan, device)
    has_length = options.images_seen is not None or (options.minutes is None and options.defaults == "published")
    if has_length and (len(precisions) == 1 or plan.images_seen <= SHORT_STEPS * plan.batch_size):
        return plan
    short = SHORT_SECONDS if has_length else 0.0
    with tell_if_slow(say, "measuring how fast it trains here ..."):
        trial = run_trial(model, sources, plan, held_out, device, precisions, short_seconds=short)
    if trial is None:
        return plan
    precision = choose_precision(trial)
    rate = trial.rates[precision]
    minutes = planned_minutes(vars(options), accelerator=device.type != "cpu")
    images = plan.images_seen
    if not has_length:
        images = images_in(60 * minutes - spent, rate, plan.batch_size)
        if options.minutes is None:
            images = min(images, plan.images_seen)
    images, is_bf16, rate = _as_on_main(images, precision == "bf16", rate)
    precision = "bf16" if is_bf16 else precisions[0]
    found = dataclasses.replace(plan, images_seen=images, precision=precision, images_per_second=rate)
    speed_up = trial.speed_ups[precision] if "fp32" in trial.rates else None
    say(_plan_line(found, None if has_length else minutes, speed_up, spent))
    if trial.unsafe:
        say(f"{', '.join(trial.unsafe)} is not used: the losses of this model differ in it from those in fp32")
    if not has_length and images < min(fewest_images(plan.batch_size), plan.images_seen):
        side = useful_side(minutes, accelerator=device.type != "cpu")
        smaller = max(min(images.size) for images in sources.values()) > side  # else the size is the one for this time
        advice = f", or a smaller --size: {side} is learned in this time" if smaller else ""
        say(f"{images // plan.batch_size:,} steps are few to learn from: give more --minutes{advice}")
    return found


def open_precisions(model: Model, options: TrainingOptions, plan: Plan, device: torch.device) -> list[str]:
    """The precisions to choose from, the safest first; the plan's alone if the user gave one."""
    if options.precision == "auto" and "bf16" in model.precisions and devices.has_bf16(device):
        return ["fp32", "bf16"]
    return [plan.precision]


def choose_precision(trial: Trial) -> str:
    """The precision whose steps are clearly the fastest; the first one if none is."""
    first = next(iter(trial.rates))
    fastest = max(trial.speed_ups, key=trial.speed_ups.__getitem__)
    return fastest if trial.speed_ups[fastest] >= WORTH_IT else first


def images_in(seconds: float, rate: float, batch_size: int) -> int:
    """The images that a training has time for: about a round number, in whole steps, at least one.

    A training ends after a whole step, so that it sees exactly these.

    seconds: of the whole training.
    rate: images a second in steps.
    batch_size: images of one step.

    >>> images_in(600, 237.0, 64), images_in(60, 0.5, 8)
    (120000, 24)
    """
    steps = round_down(SHARE_OF_STEPS * seconds * rate) // batch_size
    return max(1, steps) * batch_size


def round_down(number: float) -> int:
    """A number with two digits that are not 0, at most the given one.

    >>> round_down(127_980), round_down(99.9), round_down(0.2)
    (120000, 99, 0)
    """
    unit = 10 ** max(0, math.floor(math.log10(max(number, 1))) - 1)
    return int(number // unit * unit)


def describe_end(seconds: float) -> str:
    """When it is so many seconds later, as a time of day, with the day if it is another one."""
    now, end = time.time(), time.time() + seconds
    same_day = time.localtime(now)[:3] == time.localtime(end)[:3]
    return time.strftime("%H:%M" if same_day else "%H:%M on %d %B", time.localtime(end))


def _plan_line(plan: Plan, minutes: float | None, speed_up: float | None, spent: float) -> str:
    """The length, the rate, the end and the precision, in one line.

    minutes: for which the length was planned; None if the user gave the length.
    speed_up: of the precision over fp32; None if fp32 was not timed.
    spent: seconds of these minutes that are over before the first step.
    """
    assert plan.images_per_second is not None
    seconds = plan.images_seen / plan.images_per_second / SHARE_OF_STEPS
    rate = f"{plan.images_per_second:,.0f}" if plan.images_per_second >= 10 else f"{plan.images_per_second:.2g}"
    precision = "" if plan.precision == "fp32" else f", in {plan.precision}"
    if precision and speed_up is not None:
        precision += f" ({speed_up:.1f} times as fast as fp32)"
    end = f"until about {describe_end(seconds)}"
    if minutes is None:
        return f"{plan.images_seen:,} images at {rate} a second{precision}: {end}"
    options = "(--minutes, --images-seen)"
    if seconds < (60 * minutes - spent) * 0.8:
        return f"{plan.images_seen:,} images, as recommended, at {rate} a second{precision}: {end} {options}"
    return f"{minutes_text(minutes)} at {rate} images a second{precision}: {plan.images_seen:,} images, {end} {options}"


def _as_on_main(images: int, is_bf16: bool, rate: float) -> tuple[int, bool, float]:
    """The main rank's numbers: every rank has to plan the same training."""
    numbers = torch.tensor([float(images), float(is_bf16), rate], dtype=torch.float64)
    images_seen, chosen, of_main = distributed.broadcast_from_main(numbers).tolist()
    return int(images_seen), bool(chosen), of_main
