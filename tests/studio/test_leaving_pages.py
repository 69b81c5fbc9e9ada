"""A page that is left lets go of all that it holds, also one that is left before it is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served_studio import ServedStudio, Walk

from imagewright.studio.serving.jobs import Job

# The names of the feeds that pages follow, in `followed`.
WATCH = """async () => {
  const { live } = await import("/web/live.js");
  const follow = live.follow.bind(live);
  window.followed = new Set();
  live.follow = (feed, ...given) => {
    const end = follow(feed, ...given);
    window.followed.add(feed);
    return () => {
      end();
      window.followed.delete(feed);
      window.followed.ended = true;
    };
  };
}"""


def until(walked: Walk, holds: str) -> None:
    """Wait until something holds. Playwright's own wait evaluates a string, which the pages' policy forbids."""
    evaluate = walked.page.evaluate
    walked.wait_until(lambda: evaluate(holds), lambda: f"{holds}: {evaluate('[...followed]')}")


@pytest.mark.learning
def test_a_page_left_while_it_loads_follows_nothing(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk]
) -> None:
    walked = walk(serve(tmp_path))
    page = walked.page
    page.evaluate("location.hash = '#/train'")
    page.wait_for_selector("main[data-page=train][data-state=open]")
    page.evaluate(WATCH)
    waiting: list[Any] = []

    def hold(route: Any) -> None:
        waiting.append(route)

    page.route("**/api/library/models?*", hold)
    page.evaluate("location.hash = '#/home'")
    walked.wait_until(lambda: waiting)
    page.evaluate("location.hash = '#/learn'")
    page.wait_for_selector("main[data-page=learn][data-state=open] .laboratory")
    waiting.pop().continue_()
    until(walked, "followed.has('home/trainings') || followed.ended")
    page.evaluate("location.hash = '#/compare'")
    page.wait_for_selector("main[data-page=compare][data-state=open]")
    until(walked, "followed.size === 0")


def test_a_job_is_followed_while_its_page_is_open(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = serve(tmp_path)
    job = Job("0" * 12, "a long one", ("--version",), {}, 0.0, "running", None)
    monkeypatch.setattr(studio.studio.jobs, "get", lambda _: job)
    walked = walk(studio)
    page = walked.page
    page.evaluate(WATCH)
    page.evaluate("() => void import('/web/parts/jobs.js').then(({ followJob }) => followJob('0'.repeat(12)))")
    until(walked, "followed.has('library/job')")
    page.evaluate("location.hash = '#/compare'")
    page.wait_for_selector("main[data-page=compare][data-state=open]")
    until(walked, "!followed.has('library/job')")


def test_a_window_closes_with_its_page(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk]
) -> None:
    page = walk(serve(tmp_path)).page
    page.evaluate("import('/web/parts/picture.js').then(({ openLarge }) => openLarge('/web/icon.svg', 'a picture'))")
    page.locator("dialog[open]").wait_for()
    page.evaluate("location.hash = '#/train'")
    page.wait_for_selector("main[data-page=train][data-state=open]")
    assert page.locator("dialog").count() == 0
