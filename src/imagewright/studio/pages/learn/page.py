"""What the page Learn asks for, by name."""

from __future__ import annotations

from imagewright.studio.pages.learn import components, dimension, jpeg, laboratory, plane
from imagewright.studio.serving.page import Page

PAGE = Page(
    "learn",
    reads={"laboratory": laboratory.describe},
    wishes={
        "laboratory_change": laboratory.change,
        "laboratory_step": laboratory.step,
        "components": components.rebuild,
        "jpeg": jpeg.code,
        "jpeg_block": jpeg.block,
        "cover": dimension.cover,
        "distances": dimension.distances,
        "plane": plane.show,
        "plane_point": plane.point,
        "plane_photo": plane.place,
    },
    feeds={"laboratory": laboratory.follow},
)
