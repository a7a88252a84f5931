"""Windows' own programs, run to their end: what is said where they do not end well."""

import sys
from pathlib import Path

import pytest

from commands.language.errors import Failed
from endpoint_shim.windows import tools, versions

PYTHON = Path(sys.executable)


def test_what_a_program_wrote_is_given_and_its_errors_are_told() -> None:
    assert tools.ran(PYTHON, ["-c", "print('well')"], 60).strip() == b"well"
    code = "import sys; print('no', file=sys.stderr); sys.exit(7)"
    with pytest.raises(Failed, match=r"python.exe -c ended with 7: no$"):
        tools.ran(PYTHON, ["-c", code], 60)


def test_a_system_error_is_told_as_people_look_it_up() -> None:
    with pytest.raises(Failed, match=r"ended with 0x80070005$"):
        tools.ran(PYTHON, ["-c", "import os; os._exit(-2147024891)"], 60)


def test_one_that_does_not_end_is_ended_and_one_that_is_not_there_is_told() -> None:
    with pytest.raises(Failed, match=r"python.exe -c did not end within 1 s"):
        tools.ran(PYTHON, ["-c", "import time; time.sleep(600)"], 1)
    with pytest.raises(Failed, match=r"nothing.exe was not started: "):
        tools.ran(PYTHON.with_name("nothing.exe"), ["-x"], 60)


def test_one_whose_child_keeps_its_pipe_open_is_not_waited_for(tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    child = f"import os, time\nwhile not os.path.exists({str(enough)!r}): time.sleep(0.05)"
    code = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], stdout=sys.stdout)\n"
        "time.sleep(600)"
    )
    with pytest.raises(Failed, match=r"did not end within 5 s"):
        tools.ran(PYTHON, ["-c", code], 5)
    enough.touch()


def test_words_are_of_the_systems_page_or_of_utf_16() -> None:
    assert tools.text("é".encode("oem")) == "é"
    assert (
        tools.text("\ufeffaé".encode("utf-16-le")) == tools.text("aé".encode("utf-16-le")) == "aé"
    )


def test_a_windows_is_known_by_its_kernels_build() -> None:
    assert versions.build() == sys.getwindowsversion().build
    versions.need(15063, "this", 15063)
    with pytest.raises(Failed, match=r"this needs Windows 10 1709 \(build 16299\).*is build 1"):
        versions.need(16299, "this", 1)
