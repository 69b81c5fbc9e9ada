"""The command line starts fast: help and lists import nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "PIL", "sklearn", "skimage", "matplotlib")


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["train", "--help"], ["data", "--help"], ["--version"]])
def test_help_and_the_list_of_models_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import gc, json, sys; from imagewright.cli import main; heavy = json.loads(sys.argv.pop(1)); code = main();"
        "print(json.dumps([code, gc.isenabled(), [name for name in heavy if name in sys.modules]]), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, json.dumps(HEAVY), *arguments]
    answered = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(answered.stderr) == [0, True, []]


def test_the_package_runs_as_a_module_and_its_exit_code_is_the_commands() -> None:
    command = [sys.executable, "-m", "imagewright"]
    listed = subprocess.run([*command, "models"], capture_output=True, text=True, check=True)
    assert "vae" in listed.stdout
    assert "arXiv:1312.6114" in listed.stdout
    wrong = subprocess.run([*command, "sampel"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "Did you mean `imagewright sample`?" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_next_to_nothing_is_imported_before_an_interrupt_ends_a_command_with_one_word() -> None:
    program = (
        "import os, signal, sys; before = set(sys.modules)\n"
        "import imagewright.cli, imagewright.cli.interruption as ours\n"
        "print(len(set(sys.modules) - before), flush=True)\n"
        "with ours.LeavingIfInterrupted(): os.kill(os.getpid(), signal.SIGINT)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert int(ended.stdout) <= 4  # the package, its command line, the handler, and `__future__`
    assert (ended.returncode, ended.stderr) == (130, "Interrupted.\n")


@pytest.mark.learning
def test_a_closed_pipe_is_no_error() -> None:
    program = "import sys; from imagewright.cli import main; sys.exit(main(['train', 'vae', '--help']))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaints = process.stderr.read()
    assert complaints == b""
    assert process.returncode == 0
