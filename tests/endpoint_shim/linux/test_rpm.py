"""What rpm says of its packages. Its answers are as rpm 4.18 gives them; on the device a double
prints them, a shell script that stands where rpm does."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from endpoint_shim.linux import rpm
from endpoint_shim.linux.rpm import Rpm
from tests.endpoint_shim.linux.restricted import PLACE, Box

SHA256, MD5 = hashlib.sha256(b"tool").hexdigest(), hashlib.md5(b"tool").hexdigest()
SAID = (
    f"33261\t1663687647\t{SHA256}\t/usr/bin/tool\n"
    f"33188\t1663687647\t{MD5}\t/usr/lib/old with blanks\n"
    "16877\t1663687647\t\t/usr/lib/folder\n"
    "41471\t1663687647\t\t/usr/bin/link\n"
    f"33188\t1663687647\t{SHA256}\t/usr/share/man/man1/tool.1\n"
    f"33188\t1663687647\t{SHA256[:-2]}\t/usr/lib/short\n"
    "(none)\n"
)
DOUBLE = """#!/bin/sh
cat /etc/rpm-says
"""
LIST = r"""for file in /usr/bin/rpm /usr/bin/dash /usr/bin/cat /usr/bin/ls /usr/bin/tee "$@" \
    "$(readlink -f /lib64/ld-linux-x86-64.so.2)"; do
    sum=$(sha256sum "$file")
    printf '33261\t%s\t%s\t%s\n' "$(stat -c %Y "$file")" "${sum%% *}" "$file"
done > /etc/rpm-says
echo changed >> /var/lib/rpm/rpmdb.sqlite
"""


def test_plain_files_have_their_digests_whatever_made_them() -> None:
    packages = Rpm(SAID.encode)
    assert len(packages) == 2
    for name in (b"/usr/bin/tool", b"/usr/lib/old with blanks"):
        entry = packages.entry(name)
        assert entry is not None and entry.listed_ns // 1_000_000_000 == 1663687647
        handle = os.memfd_create("tool")
        os.write(handle, b"tool")
        assert entry.holds(handle)
        os.write(handle, b"s")
        assert not entry.holds(handle)
        os.close(handle)


def test_it_is_asked_again_only_when_its_database_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "rpmdb.sqlite"
    log = tmp_path / "rpmdb.sqlite-wal"
    database.write_text("x")
    monkeypatch.setattr(rpm, "DATABASES", (database, log))
    said = [SAID.encode(), b"", SAID.replace("tool", "other").encode()]
    packages = Rpm(lambda: said.pop(0))
    log.touch()
    assert not packages.stale(), "whoever reads makes an empty log"
    log.write_text("one")
    assert packages.stale() and packages.look()
    assert not packages.stale() and not packages.look() and len(said) == 1
    log.unlink()
    assert packages.look() and packages.entry(b"/usr/bin/other") is not None


def test_scripts_of_packages_are_known_by_place() -> None:
    packages = Rpm(SAID.encode)
    assert packages.is_package_script(b"/var/tmp/rpm-tmp.Ab3x9Z")
    for name in (b"/tmp/rpm-tmp.Ab3x9Z", b"/var/tmp/rpm-tmp./x", b"/var/tmp/rpm-tmp.a/../../x"):
        assert not packages.is_package_script(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="fanotify and namespaces need root")
@pytest.mark.needs("unshare", "dpkg")
def test_a_device_of_rpm_is_restricted_by_its_lists(tmp_path: Path) -> None:
    box = Box(tmp_path)
    try:
        box.run("cp", "/usr/bin/true", PLACE / "copied")
        box.run("mv", "/var/lib/dpkg", "/var/lib/none")
        box.run("mkdir", "-p", "/var/lib/rpm")
        box.run("tee", "/usr/bin/rpm", input=DOUBLE)
        box.run("chmod", "755", "/usr/bin/rpm")
        box.run(
            "sh", "-c", LIST, "list", "/usr/bin/sha256sum", "/usr/bin/stat", "/usr/bin/readlink"
        )
        assert box.ask("start")["by"] == "fanotify, 9 files of rpm"
        assert box.run("ls", "/usr")[0] == 0
        denied = [f"errno {errno.EPERM}", ""]
        assert box.run(PLACE / "copied") == denied and box.run("/usr/bin/head") == denied
        box.run("sh", "-c", LIST, "list", PLACE / "copied")
        assert box.run(PLACE / "copied") == [0, ""]
    finally:
        box.close()
