"""What the page Train asks for."""

from __future__ import annotations

from imagewright.studio.pages.train.following import follow_run
from imagewright.studio.pages.train.forms import again, form
from imagewright.studio.pages.train.samples import latent, sample, training_pictures
from imagewright.studio.pages.train.starting import plan, read_plan, resume, start
from imagewright.studio.serving.page import Page

PAGE = Page(
    "train",
    reads={"form": form, "again": again, "plan": read_plan, "training_pictures": training_pictures},
    actions={"plan": plan, "start": start, "resume": resume},
    wishes={"sample": sample, "latent": latent},
    feeds={"run": follow_run},
)
"""A form from the schemas of a model and of the training, a plan, a start; a run is followed over the socket."""
