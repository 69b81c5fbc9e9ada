"""The page Steer: looks of a run's model, how photos and drags become latents, and what is kept of them."""

from __future__ import annotations

from imagewright.studio.pages.steer.background import stop
from imagewright.studio.pages.steer.finding import drag_points, encode_photo, project_photo, rank_latents
from imagewright.studio.pages.steer.keeping import find_directions, hold_look, record_walk, save_look, walk_file
from imagewright.studio.pages.steer.looks import show_look
from imagewright.studio.pages.steer.offers import offers
from imagewright.studio.serving.page import Page

PAGE = Page(
    "steer",
    reads={"offers": offers, "walk": walk_file},
    actions={
        "encode": encode_photo,
        "hold": hold_look,
        "save": save_look,
        "record": record_walk,
        "find_directions": find_directions,
        "stop": stop,
    },
    wishes={"look": show_look},
    feeds={"project": project_photo, "drag": drag_points, "rank": rank_latents},
)
