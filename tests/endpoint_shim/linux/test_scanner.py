"""The scan on Linux, against Debian's own clamd and clamscan with a signature of ours."""

import asyncio
import contextlib
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest

from commands.language import names
from commands.language.errors import Failed
from commands.language.host.scanning import DetectionRow, Unseen
from commands.language.names import Name, from_bytes, shown
from endpoint_shim.children import open_groups
from endpoint_shim.groups import Group
from endpoint_shim.linux import clamd, clamscan, scan_places
from endpoint_shim.linux.clamd import Verdict
from endpoint_shim.linux.scanner import LinuxScanner
from endpoint_shim.policy import Policy
from tests.endpoint_shim.linux.clam import LARGEST, MARK, THREAT, daemon, signatures

pytestmark = [
    pytest.mark.needs("clamd", "clamscan"),
    pytest.mark.skipif(sys.platform != "linux", reason="Linux"),
    pytest.mark.xdist_group("clamd"),
]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with daemon() as place:
        yield place


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    (tmp_path / "state").mkdir()
    groups = open_groups(tmp_path / "state")
    made = groups.worker(1)
    yield made
    groups.close()


async def scanned(scanner: LinuxScanner, top: Path) -> tuple[list[DetectionRow], list[str]]:
    rows, said = [], []
    async for one in scanner.scan("full", from_bytes(os.fsencode(top))):
        if isinstance(one, DetectionRow):
            rows.append(one)
        elif isinstance(one, str):
            said.append(one)
    return rows, said


def scanner(tmp_path: Path, group: Group, socket: str) -> LinuxScanner:
    return LinuxScanner(Name("/"), Policy(), group, tmp_path, socket)


async def test_what_is_found_is_named_whatever_its_name_is(
    tmp_path: Path, group: Group, place: Path
) -> None:
    top = tmp_path / "top"
    top.mkdir()
    names = [b"plain", b"a: b FOUND", b"line\nbreak", b"\xff\xfe raw", b"OK"]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(top), name))).write_bytes(b"x" + MARK)
    (top / "clean").write_bytes(b"nothing here")
    (top / "link").symlink_to(top / "plain")
    os.mkfifo(top / "pipe")
    rows, said = await scanned(scanner(tmp_path, group, str(place)), top)
    assert {row.threat for row in rows} == {THREAT}
    found = {shown(row.path) for row in rows}
    assert found == {shown(from_bytes(os.fsencode(top) + b"/" + name)) for name in names}
    assert "6 files scanned" in said


async def test_a_file_that_only_root_reads_is_scanned_by_a_daemon_of_another_account(
    tmp_path: Path, group: Group, place: Path
) -> None:
    """Cisco-Talos/clamav #441: `access denied` was counted as clean."""
    secret = tmp_path / "secret"
    secret.write_bytes(MARK)
    secret.chmod(0o600)
    rows, _ = await scanned(scanner(tmp_path, group, str(place)), secret)
    assert [shown(row.path) for row in rows] == [str(secret)]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another account")
def test_what_cannot_be_opened_is_a_failure_with_its_count_and_no_clean_bill(
    tmp_path: Path, group: Group, place: Path
) -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        for mode in (0o600, 0o644, 0o600):
            path = Path(name, f"{mode:o}-{len(os.listdir(name))}")
            path.write_bytes(b"x")
            path.chmod(mode)
        reading, telling = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.setgroups([])
                os.setuid(pwd.getpwnam("nobody").pw_uid)
                asyncio.run(scanned(scanner(tmp_path, group, str(place)), Path(name)))
                os.write(telling, b"clean")
            except Failed as error:
                os.write(telling, str(error).encode())
            finally:
                os._exit(0)
        os.close(telling)
        with os.fdopen(reading) as told:
            said = told.read()
        os.waitpid(child, 0)
    assert "2 of 3 files could not be scanned, the first" in said, said
    assert "it could not be opened (Permission denied)" in said


@pytest.mark.parametrize(
    ("name", "why"), [("nothing", "does not exist"), ("pipe", "is no plain file and no folder")]
)
async def test_a_path_where_nothing_can_be_scanned_is_no_clean_bill(
    tmp_path: Path, group: Group, place: Path, name: str, why: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Failed, match=f"{tmp_path}/{name} {why}"):
        await scanned(scanner(tmp_path, group, str(place)), tmp_path / name)


async def test_a_deleted_program_that_runs_is_scanned(
    tmp_path: Path, group: Group, place: Path
) -> None:
    program = tmp_path / "beacon"
    program.write_bytes(Path("/bin/sleep").read_bytes() + MARK)
    program.chmod(0o700)
    with subprocess.Popen([str(program), "60"]) as running:
        program.unlink()
        try:
            found = scanner(tmp_path, group, str(place)).scan("quick", None)
            async with aclosing(cast(AsyncGenerator[object], found)) as seen:
                async for one in seen:  # what runs comes first; not all of this machine's /tmp
                    if isinstance(one, DetectionRow):
                        assert shown(one.path) == f"{program} (deleted)"
                        return
        finally:
            running.kill()
    pytest.fail("it was not found")


async def test_the_engine_says_that_it_does_not_know_how_old_its_signatures_are(
    tmp_path: Path, group: Group, place: Path
) -> None:
    said = await scanner(tmp_path, group, str(place)).engine()
    assert said.startswith("ClamAV ")
    assert "the age of its signatures is not known" in said


async def test_a_daemon_that_goes_away_is_a_failure_and_no_clean_bill(
    tmp_path: Path, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / "clamd.sock"))
    monkeypatch.setattr(clamd, "BACK_S", 0.0)
    with pytest.raises(Failed, match="does not answer"):
        await scanned(scanner(tmp_path, group, str(tmp_path / "clamd.sock")), tmp_path / "file")


class Daemon:
    """A double: clamd as it crashes at a file, which the real one does at none that we may keep."""

    def __init__(self, place: Path, crashes_at: int, comes_back: bool) -> None:
        self._place, self._crashes_at, self._comes_back = place, crashes_at, comes_back
        self._count = 0
        self._line = self._listening()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> str:
        return str(self._place)

    def __exit__(self, *_: object) -> None:
        self._crashes_at = 0
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self._place))
        self._thread.join(10)

    def _listening(self) -> socket.socket:
        self._place.unlink(missing_ok=True)
        line = socket.socket(socket.AF_UNIX)
        line.bind(str(self._place))
        line.listen(8)
        return line

    def _serve(self) -> None:
        while True:
            one, _ = self._line.accept()
            with one:
                if not self._crashes_at or not self._answered(one):
                    self._line.close()
                    if not self._crashes_at or not self._comes_back:
                        return
                    self._line = self._listening()

    def _answered(self, one: socket.socket) -> bool:
        asked, handles, *_ = socket.recv_fds(one, 64, 1)
        if not asked:
            return True  # who only looks whose socket it is
        if asked.startswith(b"zVERSION"):
            one.sendall(b"ClamAV 1.4.3\0")
            return True
        if not handles:
            _, handles, *_ = socket.recv_fds(one, 1, 1)
        for handle in handles:
            os.close(handle)
        self._count += 1
        if self._count == self._crashes_at:
            return False
        one.sendall(b"fd[1]: OK\0")
        return True


async def test_a_daemon_that_crashes_at_a_file_costs_that_file_and_not_the_rest(
    tmp_path: Path, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clamd, "AGAIN_S", 0.01)
    top = tmp_path / "top"
    top.mkdir()
    for number in range(5):
        (top / str(number)).write_bytes(b"x")
    one = r"1 of 5 files could not be scanned, the first .*answer"
    with Daemon(tmp_path / "s", 2, comes_back=True) as place, pytest.raises(Failed, match=one):
        await scanned(scanner(tmp_path, group, place), top)
    monkeypatch.setattr(clamd, "BACK_S", 0.05)
    gone = r"it was not back within 0\.05 s, after 1 files"
    with Daemon(tmp_path / "s", 2, comes_back=False) as place, pytest.raises(Failed, match=gone):
        await scanned(scanner(tmp_path, group, place), top)


async def test_a_file_larger_than_the_daemon_looks_at_is_no_clean_bill(
    tmp_path: Path, group: Group, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says OK of one: `skipped and assumed clean`."""
    monkeypatch.setattr(clamd, "SETTINGS", ())  # it is asked with which file it was started
    top = tmp_path / "top"
    top.mkdir()
    (top / "large").write_bytes(bytes(LARGEST) + MARK)
    (top / "small").write_bytes(b"x")
    unseen = [
        one
        async for one in scanner(tmp_path, group, str(place)).scan(
            "full", names.from_text(str(top))
        )
        if isinstance(one, Unseen)
    ]
    assert unseen == [Unseen(1, f"ClamAV's limits (MaxFileSize, 2,097,152 bytes): {top}/large")]


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("Heuristics.Limits.Exceeded.MaxFileSize", Verdict(unseen="ClamAV's limits (MaxFileSize)")),
        ("Heuristics.Encrypted.Zip", Verdict(threat="Heuristics.Encrypted.Zip")),
        ("", Verdict(threat="unnamed")),
    ],
)
def test_a_limit_that_was_reached_is_no_threat(words: str, verdict: Verdict) -> None:
    assert clamd.judged(words) == verdict


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Debian's clamscan with our signature, and no daemon."""
    path, real = tmp_path / "clamscan", clamscan.found()
    database = signatures(tmp_path / "db")
    path.write_text(f'#!/bin/sh\nexec {real} --database={database} --max-filesize=2M "$@"\n')
    path.chmod(0o700)
    monkeypatch.setattr(clamd, "SETTINGS", ())
    monkeypatch.setattr(clamd, "USUAL", ())
    monkeypatch.setattr(clamscan, "found", lambda: str(path))
    return str(path)


async def test_without_a_daemon_too_every_name_and_every_size_is_told(
    tmp_path: Path, group: Group, program: str
) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "line\nbreak").write_bytes(MARK)
    (top / "large").write_bytes(bytes(LARGEST) + MARK)
    seen = [
        one async for one in scanner(tmp_path, group, "").scan("full", names.from_text(str(top)))
    ]
    assert [one.path for one in seen if isinstance(one, DetectionRow)] == [f"{top}/line\nbreak"]
    assert Unseen(1, f"ClamAV's limits (MaxFileSize): {top}/large") in seen
    assert not list(tmp_path.glob("scan-*"))


async def test_without_a_daemon_too_a_deleted_program_that_runs_is_scanned(
    tmp_path: Path, group: Group, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_places, "QUICK", ())
    beacon = tmp_path / "beacon"
    beacon.write_bytes(Path("/bin/sleep").read_bytes() + MARK)
    beacon.chmod(0o700)
    with subprocess.Popen([str(beacon), "60"]) as running:
        beacon.unlink()
        try:
            seen = [one async for one in scanner(tmp_path, group, "").scan("quick", None)]
        finally:
            running.kill()
    assert f"{beacon} (deleted)" in [one.path for one in seen if isinstance(one, DetectionRow)]


async def test_files_that_went_meanwhile_hide_none_that_follow(
    tmp_path: Path, group: Group, program: str
) -> None:
    (tmp_path / "last").write_bytes(MARK)
    paths = [os.fsencode(tmp_path / f"gone-{number}") for number in range(150)]
    paths.append(os.fsencode(tmp_path / "last"))
    found = await asyncio.to_thread(lambda: dict(clamscan.scan(program, tmp_path, paths, group)))
    assert found == {paths[-1]: Verdict(threat=THREAT)}


async def test_a_file_of_which_nothing_is_said_was_not_scanned(
    tmp_path: Path, group: Group
) -> None:
    """With status 0 it counted as nothing at all."""
    (tmp_path / "silent").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "silent").chmod(0o700)
    paths = [os.fsencode(tmp_path / "silent")]
    found = await asyncio.to_thread(
        lambda: dict(clamscan.scan(str(tmp_path / "silent"), tmp_path, paths, group))
    )
    assert found == {paths[0]: Verdict(error="clamscan said nothing of it")}


async def test_clamscan_is_read_by_the_paths_that_it_was_given(
    tmp_path: Path, group: Group
) -> None:
    top = tmp_path / "top"
    top.mkdir()
    names = [b"plain", b"a: b FOUND", b"zz: OK"]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(top), name))).write_bytes(MARK)
    (top / "clean").write_bytes(b"nothing")
    paths = sorted(os.fsencode(top) + b"/" + name for name in [*names, b"clean"])
    program = clamscan.found()
    assert program is not None
    database = str(signatures(tmp_path / "db"))
    found = await asyncio.to_thread(
        lambda: dict(clamscan.scan(program, tmp_path, paths, group, database))
    )
    marked = {path for path, verdict in found.items() if verdict.threat == THREAT}
    assert marked == {os.fsencode(top) + b"/" + name for name in names}
    assert set(found) == set(paths)


async def test_an_engine_without_signatures_says_why_it_ended(tmp_path: Path, group: Group) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"nothing")
    program = clamscan.found()
    assert program is not None
    paths, database = [os.fsencode(tmp_path / "file")], str(tmp_path / "empty")
    with pytest.raises(Failed, match="status 2 after 0 of 1 files: .*No supported database files"):
        await asyncio.to_thread(
            lambda: list(clamscan.scan(program, tmp_path, paths, group, database))
        )


async def test_a_place_that_is_not_there_is_named(tmp_path: Path, group: Group) -> None:
    with pytest.raises(Failed, match="/no such does not exist$"):
        await scanned(scanner(tmp_path, group, ""), tmp_path / "no such")
