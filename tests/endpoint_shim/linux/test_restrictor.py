"""A device in namespaces of its own, where only known programs start: the real kernel asks."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endpoint_shim.linux.restricted import Box

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="fanotify and namespaces need root"),
    pytest.mark.needs("unshare", "dpkg"),
]
DENIED = [f"errno {errno.EPERM}", ""]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    made = Box(tmp_path_factory.mktemp("restricted"))
    try:
        made.run("cp", "/usr/bin/true", made.place / "copied")
        assert made.run(made.place / "copied") == [0, ""], "not restricted yet"
        made.ask("start")
        yield made
    finally:
        made.close()


def script(box: Box, path: Path, text: str) -> Path:
    """Written in there."""
    assert box.run("tee", path, input=text) == [0, text]
    assert box.run("chmod", "755", path) == [0, ""]
    return path


def test_what_a_package_installed_starts(box: Box) -> None:
    assert box.run("/usr/bin/true") == [0, ""]
    assert box.run("sh", "-c", "ls /usr | head -1") == [0, "bin\n"]


def test_a_copied_program_does_not_and_says_why(box: Box) -> None:
    assert box.run(box.place / "copied") == DENIED
    told = box.wait_for("blocked", "copied")
    assert "no package of this device holds it" in told and "asked" in told


def test_a_new_script_with_a_shebang_does_not(box: Box) -> None:
    assert box.run(script(box, box.place / "new.sh", "#!/bin/sh\necho ran\n")) == DENIED


def test_a_script_that_a_package_installed_does(box: Box) -> None:
    assert box.run("/usr/bin/ldd", "--version")[0] == 0
