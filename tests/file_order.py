"""The order of the test files where several processes share them.

A test that waits for a browser, another rank or a child process leaves its processor to others, if they have work then.
By xdist's own order, which is by the number of tests, all files of few slow tests come last and wait together.
"""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from pathlib import Path

WAITING = (
    "tests/studio/test_learn_walk.py",
    "tests/studio/test_train_walk.py",
    "tests/training/test_ranks.py",
    "tests/studio/test_page_structure.py",
    "tests/training/test_hosts.py",
    "tests/studio/test_pictures_walk.py",
    "tests/cli/test_streams.py",
    "tests/studio/test_steer_walk.py",
    "tests/studio/test_draw_walk.py",
    "tests/cli/test_commands_on_ranks.py",
    "tests/studio/test_compare_walk.py",
    "tests/studio/test_swap_walk.py",
    "tests/training/test_kill.py",
    "tests/studio/test_leaving_pages.py",
    "tests/studio/test_jobs.py",
    "tests/studio/test_processes.py",
    "tests/studio/test_open_studio.py",
    "tests/tours/test_tour.py",
    "tests/training/test_shard_ranks.py",
    "tests/images/test_worker_isolation.py",
    "tests/images/test_images_workers.py",
)


def places_from(tests: Path, share: float) -> list[str]:
    """The folders and files with all tests, beginning after a share of them, and ending with that share."""
    places = sorted(str(each) for each in tests.iterdir() if each.is_dir() or each.name.startswith("test_"))
    first = round(share * len(places))
    return places[first:] + places[:first]


def order_of_files(tests: list[str]) -> dict[str, int]:
    """The place of each file, for the ids of all tests: one that waits, then two that compute, the longest ones first.

    With three processes about one waits at a time. Files without a known wait come by the number of their tests.
    """
    counts = Counter(test.split("::")[0] for test in tests)
    waiting = [file for file in WAITING if file in counts]
    computing = sorted(counts.keys() - set(waiting), key=lambda file: (-counts[file], file))
    pairs = zip_longest(computing[::2], computing[1::2])
    rows = zip_longest(waiting, pairs, fillvalue=())
    ordered = [file for row in rows for part in row for file in ([part] if isinstance(part, str) else part) if file]
    return {file: place for place, file in enumerate(ordered)}
