"""The benchmark scripts: all are run by a target of the Makefile, and what they share does what it says."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
BENCHMARKS = PROJECT / "benchmarks"

# Modules that scripts import.
SHARED = {"harness", "classifiers", "training_steps", "textbook", "plain_biggan", "textbook_stylegan2", "gpu_cases"}
SHARED |= {"picture_cases"}
# Scripts that neither `make bench` nor `make quality` runs, with the reason.
RUN_OTHERWISE = {
    "versions": "by hand: it needs a second checkout",
    "model_pictures": "by hand: it writes pictures of the documentation",
    "model_speeds": "by hand: it writes the speeds of the documentation",
}


def run(code: str) -> str:
    """What a Python program prints that can import the benchmarks."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(BENCHMARKS), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_every_script_is_run_by_make_bench_or_make_quality() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = dict(re.findall(r"^(\w+):.*\n((?:\t.*\n)*)", makefile, re.MULTILINE))
    named = set(re.findall(r"benchmarks/(\w+)\.py", targets["bench"] + targets["quality"]))
    scripts = {path.stem for path in BENCHMARKS.glob("*.py")} - SHARED
    assert named - scripts == set(), "the Makefile names scripts that are not there"
    assert scripts - named == RUN_OTHERWISE.keys(), "scripts that no target runs"


def test_what_scripts_import_is_there() -> None:
    """Also inside functions: a script that nobody has run since a name was changed."""
    missing = []
    for path in sorted(BENCHMARKS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("imagewright"):
                module = importlib.import_module(str(node.module))
                for name in (alias.name for alias in node.names):
                    is_module = hasattr(module, "__path__") and find_spec(f"{node.module}.{name}") is not None
                    if not is_module and not hasattr(module, name):
                        missing.append(f"{path.name}:{node.lineno}: {node.module}.{name}")
    assert missing == []


def test_measures_are_of_the_call_alone() -> None:
    measured = json.loads(
        run(
            "import json, harness, numpy\n"
            "big = lambda: numpy.ones(2**24).sum()\n"
            "found = harness.measure(big)\n"
            "print(json.dumps([float(found.result), found.added_bytes, found.peak_bytes, found.seconds > 0]))"
        )
    )
    assert measured[0] == 2**24
    assert 2**26 < measured[1] < measured[2]  # 128 MiB, less what the process had to spare
    assert measured[3]


def test_a_function_in_its_own_process_starts_with_its_own_peak_of_memory(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import harness\n"
        "def work(count, name):\n"
        "    print('working')\n"
        "    return {'peak': harness.peak_bytes(), 'count': count + 1, 'name': name}\n"
    )
    printed = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import json, pathlib, numpy, harness, script\n"
        "ballast = numpy.ones(2**25)\n"
        "found = harness.in_own_process(script.work, 1, pathlib.Path('a'))\n"
        "print(json.dumps(found | {'here': harness.peak_bytes()}))"
    ).splitlines()
    found = json.loads(printed[-1])
    assert printed[0] == "working"
    assert (found["count"], found["name"]) == (2, "a")
    assert found["peak"] < 2**27 < 2**28 < found["here"]


def test_ratios_are_taken_pair_by_pair() -> None:
    printed = run(
        "from harness import print_ratios\n"
        "print(print_ratios('work', 10, 'images/s', ('ours', 'theirs'), ([1.0, 2.0, 4.0], [2.0, 2.0, 12.0])))"
    )
    assert printed.splitlines()[-1] == "2.0"
    assert "from 1.000 to 3.000 over 3 pairs" in printed


def test_settings_are_numbers_where_they_look_like_numbers() -> None:
    printed = run("from harness import parse_settings; print(parse_settings(['a=1', 'b=-0.5', 'c=none', 'd=x=y']))")
    assert printed.strip() == "{'a': 1, 'b': -0.5, 'c': 'none', 'd': 'x=y'}"


def test_every_model_that_makes_pictures_has_a_case_for_that_of_its_page() -> None:
    printed = run(
        "from imagewright import catalogue\n"
        "from picture_cases import case_of\n"
        "made = {'sample', 'reconstruct', 'translate'}\n"
        "print([name for name, entry in catalogue.entries().items()\n"
        "       if (case_of(name) is None) == bool(made.intersection(entry.verbs))])"
    )
    assert printed.strip() == "[]"


# The GPU script, on a CPU


@pytest.mark.learning
def test_the_gpu_script_measures_its_first_case(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--tiny", "--seconds", "60", "--first", "1", "--device", "cpu", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), *options]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    (row,) = json.loads((out / "gpu.json").read_text())["rows"]
    assert (row["what"], row["precision"], row["mode"], row["error"]) == ("dcgan 64 step", "fp32", "eager", "")
    assert row["ratio"] == row["ours"]["median"] / row["textbook"]["median"] > 0
    assert "dcgan 64 step" in printed
    assert (out / "gpu.md").read_text().count("\n| dcgan 64 step ") == 1


@pytest.mark.learning
def test_a_case_that_fails_leaves_the_others_and_the_end_of_the_time_ends_them(tmp_path: Path) -> None:
    printed = run(
        "import sys, time, gpu\n"
        "from gpu_cases import Case, NotAvailableError\n"
        "def fails(place): raise ValueError('no\\nsuch thing')\n"
        "def absent(place): raise NotAvailableError('needs a CUDA GPU')\n"
        "def works(place): return lambda: 3\n"
        "def endless(place):\n"
        "    with gpu.time_limit(0.1): time.sleep(60)\n"
        "gpu.CASES[:] = [Case(what=each.__name__, ours=each) for each in (fails, absent, works, endless, works)]\n"
        f"sys.argv = ['gpu', '--tiny', '--device', 'cpu', '--seconds', '600', '--out', {str(tmp_path)!r}]\n"
        "try: gpu.main()\n"
        "except SystemExit as ended: print(ended.code)"
    )
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    errors = ["failed: ValueError: no such thing", "not available: needs a CUDA GPU", ""]
    assert [row["error"] for row in rows] == errors
    assert rows[2]["ours"]["median"] > 0
    assert "3 of 5 cases" in printed
    assert "1 cases do not work" in printed
