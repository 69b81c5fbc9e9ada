"""Rules of the doctor about the pictures themselves: samples that are noise, and classes that are one picture each.

As in `rules.py`, a rule is a pure function of a run's history, and returns evidence and a remedy if it holds.
"""

from __future__ import annotations

from imagewright.training.doctor.changes import FACTOR, change_rate, penalise, train_longer
from imagewright.training.doctor.history import History
from imagewright.training.doctor.remedies import Found, Remedy

# The mean squared difference of neighbouring pixels over twice their variance: 1 for white noise. Observed: 0.14 for
# flowers of 32 pixels, and 0.79 to 0.93 for samples of a DCGAN that had learned nothing yet; 0.41 once they had forms.
# Untrained generators of small networks make blotches of 0.23.
NOISY = 0.2
NOISIER = 3.0  # times the roughness of training pictures

# The mean distance between samples of one class, relative to that between training pictures of a class. 0 if the model
# makes one picture a class; as for samples of all classes, healthy models are above 0.3.
COLLAPSED_CLASS = 0.3
COLLAPSED_CLASSES = 0.5  # of the classes that were measured


def noise(history: History) -> Found | None:
    """Samples are noise: neighbouring pixels hardly agree."""
    samples, training = history.latest("samples/roughness"), history.latest("training/roughness")
    # A training that was ended leaves noise as noise, however short it was.
    if not (history.has_begun or history.ended) or not samples or not training:
        return None
    if min(samples) < NOISY or min(samples) < NOISIER * max(training):
        return None
    evidence = (
        f"neighbouring pixels of samples differ by {samples[-1]:.2f} of what independent ones would (white noise: 1), "
        f"those of training pictures by {training[-1]:.2f} (threshold {max(NOISY, NOISIER * training[-1]):.2f})"
    )
    if history.ended and history.images_seen < history.planned("images_seen"):
        planned = int(history.planned("images_seen"))
        return evidence, Remedy(resumes=True, note=f": {history.images_seen:,} of {planned:,} images are seen")
    return evidence, train_longer(history, "; if samples stay noise, a lower --learning-rate")


def class_collapse(history: History) -> Found | None:
    """Samples of one class are all similar, though those of different classes may differ."""
    shares, classes = history.latest("samples/collapsed_classes"), history.latest("samples/classes")
    spreads = history.latest("samples/class_spread")
    if not history.has_begun or not shares or not classes or not spreads:
        return None
    if min(shares) < COLLAPSED_CLASSES * classes[-1] or history.grows("samples/class_spread"):
        return None
    evidence = (
        f"in {shares[-1]:.0f} of {classes[-1]:.0f} classes the mean distance between samples of the class is below "
        f"{COLLAPSED_CLASS:g} times that between training pictures of it ({spreads[-1]:.2f} on average)"
    )
    if history.has_option("penalty") and not history.option("penalty"):
        return evidence, penalise(history)
    return evidence, change_rate(history, 1 / FACTOR)
