"""What the page Train asks for. What needs the networks is imported at its first call."""

from __future__ import annotations

from imagewright.studio.serving.page import Page, later

_HERE = __package__

PAGE = Page(
    "train",
    reads={
        "form": later(f"{_HERE}.forms", "form"),
        "again": later(f"{_HERE}.forms", "again"),
        "plan": later(f"{_HERE}.starting", "read_plan"),
        "training_pictures": later(f"{_HERE}.samples", "training_pictures"),
    },
    actions={
        "plan": later(f"{_HERE}.starting", "plan"),
        "start": later(f"{_HERE}.starting", "start"),
        "resume": later(f"{_HERE}.starting", "resume"),
    },
    wishes={"sample": later(f"{_HERE}.samples", "sample"), "latent": later(f"{_HERE}.samples", "latent")},
    feeds={"run": later(f"{_HERE}.following", "follow_run")},
)
"""A form from the schemas of a model and of the training, a plan, a start; a run is followed over the socket."""
