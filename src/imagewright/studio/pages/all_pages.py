"""The pages by name. A new page is a module here, a file under `web/views/`, and a line in both lists of pages."""

from __future__ import annotations

from imagewright.studio.pages import compare, library
from imagewright.studio.pages.draw import page as draw
from imagewright.studio.pages.pictures import page as pictures
from imagewright.studio.pages.swap import page as swap
from imagewright.studio.serving.page import Page

PAGES: dict[str, Page] = {page.name: page for page in (library.PAGE, pictures.PAGE, draw.PAGE, compare.PAGE, swap.PAGE)}
