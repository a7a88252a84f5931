"""Which files a rule means: real files of root's, and of others."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from endpoint_shim.linux import allowed_programs, rpm
from endpoint_shim.linux.allowed_programs import ABSENT, AllowedPrograms, Found
from endpoint_shim.linux.dpkg import DATABASE
from tests.endpoint_shim.linux.nets import ROOT

pytestmark = ROOT


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "opt").mkdir()
    return Path(shutil.copy("/bin/true", tmp_path / "opt/mailer"))


def paths(found: Found) -> list[Path]:
    return [Path(os.fsdecode(one.path)) for one in found.programs]


def test_a_program_is_found_by_its_path_a_link_or_its_name(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mail").symlink_to("opt/mailer")
    monkeypatch.setattr(allowed_programs, "FOLDERS", (str(tmp_path / "no"), str(tmp_path / "opt")))
    for name in (str(program), str(tmp_path / "mail"), "mailer"):
        found = AllowedPrograms().of_process(name)
        assert (paths(found), found.why) == ([program], "")
        facts = program.stat()
        assert found.programs[0].identity == (facts.st_dev, facts.st_ino)
    assert AllowedPrograms().of_process("other") == Found((), ABSENT)


def test_what_others_could_change_is_none_and_the_reason_names_it(
    program: Path, tmp_path: Path
) -> None:
    os.chown(program, 1000, 1000)
    assert f"{program} belongs to user 1000" in AllowedPrograms().of_process(str(program)).why
    os.chown(program, 0, 0)
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 1000, 1000)
    (tmp_path / "home/mail").symlink_to(program)
    found = AllowedPrograms().of_process(str(tmp_path / "home/mail"))
    assert found.programs == () and f"{tmp_path}/home belongs to user 1000" in found.why
    program.parent.chmod(0o777)
    found = AllowedPrograms().of_process(str(program))
    assert found.programs == () and "can be written by others" in found.why


def test_a_script_is_none_for_its_interpreter_runs_others_too(program: Path) -> None:
    program.write_text("#!/bin/sh\n")
    found = AllowedPrograms().of_process(str(program))
    assert found == Found((), f"{program} is no program of its own")


def database(folder: Path, *programs: Path) -> Path:
    """As dpkg has one, with a package of these."""
    (folder / "info").mkdir(parents=True)
    listed = "".join(f"{one}\n" for one in programs)
    (folder / "info/mail:amd64.list").write_text(f"/.\n{listed}")
    digests = {one: hashlib.md5(one.read_bytes()).hexdigest() for one in programs}
    sums = "".join(f"{digest}  {str(one)[1:]}\n" for one, digest in digests.items())
    (folder / "info/mail:amd64.md5sums").write_text(sums)
    (folder / "status").write_text("")
    return folder


def test_a_package_is_its_programs_as_it_installed_them(program: Path, tmp_path: Path) -> None:
    second = Path(shutil.copy("/bin/false", program.with_name("helper")))
    library = Path(shutil.copy("/bin/true", program.with_name("libmail.so.1")))
    (link := program.with_name("link")).symlink_to("/bin/true")  # of another package
    (page := program.with_name("page")).write_text("text")
    page.chmod(0o755)
    finder = AllowedPrograms(
        database=database(tmp_path / "db", program, second, library, page, link)
    )
    assert paths(finder.of_package("mail")) == [program, second]
    shutil.copy("/bin/false", program)
    found = finder.of_package("mail")
    assert paths(found) == [second]
    assert found.why == f"{program} is not as its package installed it"
    assert finder.of_package("other") == finder.of_package("../mail") == Found((), ABSENT)


@pytest.mark.skipif(not (DATABASE / "info/bash.list").exists(), reason="bash is not of dpkg here")
def test_a_package_of_this_device_has_its_programs() -> None:
    found = AllowedPrograms().of_package("bash")
    assert (paths(found)[0], found.why) == (Path("/usr/bin/bash"), "")
    assert len(found.programs) == len(set(found.programs))  # rbash is a link to it


def test_rpm_is_asked_for_the_package(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    double = tmp_path / "rpm"
    double.write_text(
        f'#!/bin/sh\n[ "$5" = mail ] || exit 1\nprintf "33261\\t1\\t{digest}\\t{program}\\n"\n'
    )
    double.chmod(0o755)
    monkeypatch.setattr(rpm, "PROGRAM", str(double))
    monkeypatch.setattr(rpm, "DATABASES", (double,))
    finder = AllowedPrograms(database=tmp_path)
    assert paths(finder.of_package("mail")) == [program]
    assert finder.of_package("other") == Found((), ABSENT)


def test_snap_and_flatpak_have_a_folder_for_a_package(program: Path, tmp_path: Path) -> None:
    finder = AllowedPrograms((str(tmp_path / "{}"),), tmp_path)
    assert paths(finder.of_package("opt")) == [program]


def test_what_it_looked_at_changes_its_stamp(program: Path, tmp_path: Path) -> None:
    finder = AllowedPrograms(database=database(tmp_path / "db", program))
    meant, known = ("package mail", "process mailer"), (os.fsencode(program),)
    before = finder.stamp(meant, known)
    assert finder.stamp(meant, known) == before
    shutil.copy("/bin/false", program.with_name("new"))
    os.replace(program.with_name("new"), program)
    after = finder.stamp(meant, known)
    assert after != before
    os.utime(tmp_path / "db/status", (1, 1))
    assert finder.stamp(meant, known) != after
