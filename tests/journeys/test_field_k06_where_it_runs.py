"""Field reports k06: the folder, the environment and the mount that a script runs in.

`helper-beside-zip` (a tool that is a folder, sent packed) waits for `putfile -unpack`.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.field import Field
from tests.journeys.rig import until

FACTS = """\
for v in HOME PATH USER LOGNAME SHELL LANG TERM TMPDIR PWD; do echo "$v=${!v-UNSET}"; done
echo "LC_ALL=${LC_ALL-UNSET}"; echo "umask=$(umask)"; echo "zero=$0"; echo "tty=$(tty)"
echo "folder=$(stat -c %a .)"; echo "stdin=$(readlink /proc/self/fd/0)"
echo "descriptors=$(ls /proc/$$/fd | tr '\\n' ' ')"
"""


def test_home_unset_a_script_has_the_environment_of_a_login(field: Field) -> None:
    ran = field.script("facts.sh", FACTS)
    found = dict(line.partition("=")[::2] for line in ran.out.splitlines())
    me = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    assert found["HOME"] == str(Path("~").expanduser()) and found["SHELL"].startswith("/")
    assert (found["USER"], found["LOGNAME"]) == (me, me)
    assert (found["LANG"], found["TERM"], found["LC_ALL"]) == ("C.UTF-8", "dumb", "UNSET")
    assert "/usr/sbin" in found["PATH"].split(":") and "/usr/bin" in found["PATH"].split(":")
    # Its own folder, that of the session, of which $0 and TMPDIR agree.
    assert found["TMPDIR"] == found["PWD"] == os.path.dirname(found["zero"])
    assert (found["folder"], found["umask"]) == ("700", "0022")
    assert (found["tty"], found["stdin"]) == ("not a tty", "/dev/null")
    # 255 is how bash holds the script, 3 the pipe from which this answer comes.
    assert set(found["descriptors"].split()) <= {"0", "1", "2", "3", "255"}
    until("its folder is wiped", lambda: not Path(found["PWD"]).exists())


@pytest.fixture
def without_exec(field: Field, tmp_path: Path) -> Iterator[str]:
    """A second device, all of whose folders lie on a mount with noexec."""
    mount = tmp_path / "mount"
    mount.mkdir()
    options = "noexec,mode=700,size=64m"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mount)], capture_output=True
    )
    if done.returncode != 0:
        pytest.skip("no mount can be made here; it needs root")
    shim = field.house.enrol("noexec-01")
    shutil.move(shim.state, mount / "state")
    shim.state = mount / "state"
    field.house.start_shim("noexec-01")
    yield "noexec-01"
    assert shim.process is not None
    shim.process.terminate()
    shim.process.wait(15)
    subprocess.run(["umount", str(mount)], check=True)


def test_noexec_tmp_a_script_runs_and_a_program_is_refused_with_the_mount(
    field: Field, without_exec: str
) -> None:
    field.add("ran.sh", "#!/bin/bash\necho ran\n")
    ran = field.house.run(f"on {without_exec} run ran.sh")
    assert (ran.status, ran.out, ran.err) == (0, "ran\n", "")
    field.add("tool", Path("/bin/true").read_bytes())
    refused = field.house.run(f"on {without_exec} run tool")
    mount = field.house.shims[without_exec].state.parent
    assert refused.status == 3
    assert f"is a program, and {mount} is mounted noexec" in refused.err
