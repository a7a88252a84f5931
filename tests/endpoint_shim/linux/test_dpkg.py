"""What dpkg's own lists say, read from a database made here."""

import hashlib
import os
from pathlib import Path

import pytest

from endpoint_shim.linux.dpkg import Dpkg


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def digest(text: str) -> bytes:
    return bytes.fromhex(md5(text))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "info").mkdir()
    (tmp_path / "info/one.md5sums").write_text(
        f"{md5('tool')}  usr/bin/one tool\n{md5('page')}  usr/share/man/man1/one.1\n"
    )
    (tmp_path / "info/two:amd64.md5sums").write_text(f"{md5('two')}  usr/lib/two\n")
    (tmp_path / "status").write_text(
        "Package: one\nConffiles:\n"
        f" /etc/one {md5('as shipped')}\n /etc/old {md5('old')} obsolete\n"
        " /etc/new newconffile\nDescription: x\n"
    )
    return tmp_path


def test_files_have_the_digests_of_their_packages(database: Path) -> None:
    packages = Dpkg(database)
    assert packages.entry(b"/usr/bin/one tool").has(digest("tool"))  # type: ignore[union-attr]
    assert packages.entry(b"/usr/lib/two").has(digest("two"))  # type: ignore[union-attr]
    assert packages.entry(b"/usr/lib/other") is None
    assert packages.entry(b"/usr/share/man/man1/one.1") is None, "no program is in there"


def test_configuration_files_too_as_they_were_shipped(database: Path) -> None:
    packages = Dpkg(database)
    assert packages.entry(b"/etc/one").has(digest("as shipped"))  # type: ignore[union-attr]
    assert packages.entry(b"/etc/old").has(digest("old"))  # type: ignore[union-attr]
    assert packages.entry(b"/etc/new") is None


def test_a_file_that_two_packages_list_may_be_as_either(database: Path) -> None:
    (database / "info/three.md5sums").write_text(f"{md5('newer')}  usr/lib/two\n")
    entry = Dpkg(database).entry(b"/usr/lib/two")
    assert entry is not None and entry.has(digest("two")) and entry.has(digest("newer"))
    assert not entry.has(digest("third")), "whole digests are compared"
    assert not entry.has(entry.digests[8:24]), "and not what lies across two"


def test_a_diverted_file_lies_under_its_other_name(database: Path) -> None:
    (database / "diversions").write_text("/usr/lib/two\n/usr/lib/two.real\nwrapper\n")
    (database / "info/wrapper.md5sums").write_text(f"{md5('wraps')}  usr/lib/two\n")
    packages = Dpkg(database)
    assert packages.entry(b"/usr/lib/two.real").has(digest("two"))  # type: ignore[union-attr]
    assert packages.entry(b"/usr/lib/two").has(digest("wraps"))  # type: ignore[union-attr]
    assert not packages.entry(b"/usr/lib/two").has(digest("two"))  # type: ignore[union-attr]


def test_names_are_as_the_kernel_says_them(database: Path) -> None:
    if not os.path.islink("/bin"):
        pytest.skip("/bin is no link here")
    (database / "info/sh.md5sums").write_text(f"{md5('sh')}  bin/sh\n")
    assert Dpkg(database).entry(os.path.realpath(b"/bin") + b"/sh") is not None


def test_changes_are_seen_and_read(database: Path) -> None:
    packages = Dpkg(database)
    before = packages.sha256
    assert not packages.look()
    (database / "info/late.md5sums").write_text(f"{md5('late')}  usr/bin/late\n")
    assert packages.stale() and packages.look()
    assert packages.entry(b"/usr/bin/late") is not None and packages.sha256 != before
    (database / "info/late.md5sums").unlink()
    assert packages.look() and packages.entry(b"/usr/bin/late") is None
    assert packages.sha256 == before


def test_a_package_that_is_being_unpacked_has_its_list_already(database: Path) -> None:
    packages = Dpkg(database)
    (database / "tmp.ci").mkdir()
    (database / "tmp.ci/md5sums").write_text(f"{md5('next')}  usr/lib/two\n")
    assert packages.look()
    assert packages.entry(b"/usr/lib/two").has(digest("next"))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("info/one.postinst", True),
        ("info/two:amd64.prerm", True),
        ("tmp.ci/preinst", True),
        ("info/one.md5sums", False),
        ("info/x/../one.postinst", False),
        ("tmp.ci/other", False),
        ("postinst", False),
    ],
)
def test_scripts_that_dpkg_runs_itself_are_known_by_place(
    database: Path, name: str, is_one: bool
) -> None:
    assert Dpkg(database).is_package_script(os.fsencode(database / name)) is is_one
    assert not Dpkg(database).is_package_script(b"/elsewhere/" + name.encode())
