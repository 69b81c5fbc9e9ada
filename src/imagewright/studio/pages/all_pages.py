"""The pages by name. A new page is a module here, a file under `web/views/`, and a line in both lists of pages."""

from __future__ import annotations

from imagewright.studio.pages import library
from imagewright.studio.pages.steer import page as steer
from imagewright.studio.serving.page import Page

PAGES: dict[str, Page] = {page.name: page for page in (library.PAGE, steer.PAGE)}
