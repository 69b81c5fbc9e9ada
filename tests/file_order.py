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
    "tests/studio/test_room.py",
    "tests/studio/test_processes.py",
    "tests/studio/test_open_studio.py",
    "tests/benchmarks/test_benchmarks.py",
    "tests/tours/test_tour.py",
    "tests/training/test_shard_ranks.py",
    "tests/images/test_worker_isolation.py",
    "tests/images/test_images_workers.py",
)

COMPUTING = (
    "tests/contracts/test_training.py",
    "tests/contracts/test_verbs.py",
    "tests/contracts/test_phases.py",
    "tests/latent/test_neighbours.py",
    "tests/cli/test_bad_input.py",
    "tests/training/test_planning.py",
    "tests/contracts/test_skeletons.py",
    "tests/metrics/test_evaluate.py",
    "tests/face_swap/test_convert.py",
    "tests/training/test_arranging.py",
    "tests/exports/test_onnx_export.py",
    "tests/training/test_resume.py",
    "tests/analysis/test_outlier_ensemble.py",
    "tests/models/test_drit.py",
    "tests/cli/test_labels.py",
    "tests/analysis/test_components.py",
    "tests/models/test_biggan.py",
    "tests/test_house.py",
    "tests/metrics/test_kept_pose.py",
    "tests/models/test_jpeg.py",
    "tests/training/test_initialising.py",
    "tests/training/test_density.py",
    "tests/training/test_failures.py",
    "tests/training/test_interruption.py",
    "tests/training/test_suggestions.py",
    "tests/cli/test_help.py",
    "tests/studio/test_hostile_requests.py",
    "tests/cli/test_lesson_command.py",
    "tests/cli/test_run_in_training.py",
    "tests/metrics/test_through_time.py",
)
"""Files that compute for more than three seconds: one that begins last would keep the others waiting."""


def places_from(tests: Path, share: float) -> list[str]:
    """The folders and files with all tests, beginning after a share of them, and ending with that share."""
    places = sorted(str(each) for each in tests.iterdir() if each.is_dir() or each.name.startswith("test_"))
    first = round(share * len(places))
    return places[first:] + places[:first]


def order_of_files(tests: list[str]) -> dict[str, int]:
    """The place of each file, for the ids of all tests: one that waits, then two that compute, the longest ones first.

    With three processes about one waits at a time. Files without a known time come by the number of their tests.
    """
    counts = Counter(test.split("::")[0] for test in tests)
    waiting = [file for file in WAITING if file in counts]
    long = [file for file in COMPUTING if file in counts]
    computing = long + sorted(counts.keys() - {*waiting, *long}, key=lambda file: (-counts[file], file))
    pairs = zip_longest(computing[::2], computing[1::2])
    rows = zip_longest(waiting, pairs, fillvalue=())
    ordered = [file for row in rows for part in row for file in ([part] if isinstance(part, str) else part) if file]
    return {file: place for place, file in enumerate(ordered)}
