"""The page of swapping faces."""

from __future__ import annotations

from imagewright.studio.pages.swap import converting, faces, training, trying
from imagewright.studio.serving.page import Page

PAGE = Page(
    "swap",
    reads={
        "networks": faces.networks,
        "people": faces.people,
        "face_set_notes": faces.face_set_notes,
        "face": faces.face,
        "models": training.models,
        "results": converting.results,
        "figures": converting.figures,
    },
    actions={
        "extract": faces.extract,
        "keep_person": faces.keep_person,
        "train": training.train,
        "convert": converting.convert,
        "check": converting.check,
    },
    wishes={"try": trying.try_swap},
    feeds={"training": training.follow_training, "reading": faces.follow_reading},
)
