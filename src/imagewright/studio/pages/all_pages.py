"""The pages by name. A new page is a module here, a file under `web/views/`, and a line in both lists of pages."""

from __future__ import annotations

from imagewright.studio.pages import home, library
from imagewright.studio.pages.compare import page as compare
from imagewright.studio.pages.draw import page as draw
from imagewright.studio.pages.learn import page as learn
from imagewright.studio.pages.pictures import page as pictures
from imagewright.studio.pages.steer import page as steer
from imagewright.studio.pages.swap import page as swap
from imagewright.studio.pages.train import page as train
from imagewright.studio.serving.page import Page

PAGES: dict[str, Page] = {
    page.name: page
    for page in (
        library.PAGE,
        home.PAGE,
        pictures.PAGE,
        train.PAGE,
        steer.PAGE,
        draw.PAGE,
        compare.PAGE,
        swap.PAGE,
        learn.PAGE,
    )
}
