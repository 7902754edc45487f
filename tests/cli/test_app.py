from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from napari_gfsam.cli.app import _debug_first
from napari_gfsam.cli.commands import set_debug

COMMANDS = [
    "segment",
    "demo",
    "evaluate",
    "export",
    "replay",
    "doctor",
    "models list",
    "models verify",
    "packs make",
    "packs show",
]


@pytest.fixture(autouse=True)
def quiet_again():
    yield
    set_debug(False)


def program(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    command = [sys.executable, "-c", "from napari_gfsam.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **options)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(desk, command):
    result = desk.run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert f"napari-gfsam {command}" in result.output


def test_help_names_every_command(desk):
    output = desk.run("--help").output
    assert all(command.split()[0] in output for command in COMMANDS)


def test_version(desk):
    from napari_gfsam import __version__

    assert desk.run("--version").stdout.strip() == f"napari-gfsam {__version__}"


def test_no_command_shows_help(desk):
    assert "Usage" in desk.run().output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["segment", "--debug", "x"], ["--debug", "segment", "x"]),
        (["--debug", "demo"], ["--debug", "demo"]),
        (["demo"], ["demo"]),
        (["segment", "--", "--debug"], ["segment", "--", "--debug"]),
    ],
)
def test_debug_may_stand_anywhere(words, expected):
    assert _debug_first(words) == expected


def test_debug_lets_errors_through(desk):
    result = desk.run("--debug", "replay", desk / "none.json")
    assert type(result.exception).__name__ == "RecordError"
    result = desk.run("replay", desk / "none.json")
    assert isinstance(result.exception, SystemExit)


def test_a_real_process_says_one_sentence(tmp_path):
    done = program("replay", tmp_path / "none.json")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "Traceback" in program("replay", tmp_path / "none.json", "--debug").stderr


def test_a_defect_of_ours_is_one_sentence_too(tmp_path):
    code = (
        "import sys; from napari_gfsam.cli import models, main; sys.argv = ['napari-gfsam', 'models', 'list'];"
        "import napari_gfsam.models as m; m.MODELS = {'x': None}; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Something unexpected went wrong (AttributeError: ")
    assert "Traceback" not in done.stderr


def test_wrong_usage_of_a_real_process_ends_with_two():
    done = program("segment")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_opens_quickly():
    """Best of several, as other work on the machine only ever adds to it."""
    code = "import time; start = time.perf_counter(); import napari_gfsam.cli; print(time.perf_counter() - start)"
    times = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=True)
        times.append(float(done.stdout))
    assert min(times) < 0.5, times


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_ctrl_c_in_a_real_process_ends_with_130(desk):
    targets = [desk.target(f"t{number}", number + 2) for number in range(20)]
    words = (
        "--reference",
        desk / "ref.tif",
        "--labels",
        desk / "ref_labels.tif",
        "-o",
        desk / "out",
        "--set",
        "max_prompts=4",
    )
    # A test run in the background inherits an ignored SIGINT: give the process the one of a terminal.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from napari_gfsam.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "segment", *targets, *words]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        deadline = time.monotonic() + 200
        while (
            not list(desk.folder.glob("out/*_record.json")) and running.poll() is None and time.monotonic() < deadline
        ):
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=100)
    assert running.returncode == 130, errors
    assert "Stopped after" in errors
    assert "Traceback" not in errors
    assert not list(desk.folder.glob("out/*.tmp"))
