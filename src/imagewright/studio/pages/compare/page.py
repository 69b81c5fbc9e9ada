"""What the page Compare asks for."""

from __future__ import annotations

from imagewright.studio.pages.compare.evaluations import evaluate, evaluation_choices, evaluation_start, save_page
from imagewright.studio.pages.compare.figures import abilities, curves, scores
from imagewright.studio.pages.compare.pictures import photo, photo_facts, samples
from imagewright.studio.serving.page import Page

PAGE = Page(
    "compare",
    reads={
        "abilities": abilities,
        "scores": scores,
        "curves": curves,
        "photo_facts": photo_facts,
        "evaluation_choices": evaluation_choices,
        "evaluation_start": evaluation_start,
    },
    actions={"evaluate": evaluate, "save_page": save_page},
    wishes={"samples": samples, "photo": photo},
)
