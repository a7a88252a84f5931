"""The stock sftp and scp against a real broker and a real shim: what they print, give and leave."""

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from server.live.file_record import FileChunk
from tests.journeys.files_demo import Demo, change_rules, demo, until
from tests.journeys.sftp_client import Raw, code, string
from tests.journeys.sftp_folders import BIG, ODD, filled, same

__all__ = ["change_rules", "demo"]  # the fixtures

pytestmark = pytest.mark.needs("ssh", "sftp", "scp")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder on the device with every kind of plain file and name."""
    return filled(tmp_path / "there", (*ODD, b"2026-01-01T10:00.log", b"*.log"))


# Reading a device.
def test_scp_copies_a_file_and_says_zero(demo: Demo, there: Path, tmp_path: Path) -> None:
    ran = demo.client("scp", f"fireline:{demo.at(there / 'sub' / 'big')}", str(tmp_path / "big"))
    assert (ran.status, ran.err) == (0, "")
    assert (tmp_path / "big").read_bytes() == BIG


def test_scp_copies_a_tree_with_empty_folders_modes_and_names_of_bytes(
    demo: Demo, there: Path, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    ran = demo.client("scp", "-rp", f"fireline:{demo.at(there)}", str(here))
    assert (ran.status, ran.err) == (0, "")
    assert same(there, here)
    assert sorted(os.listdir(os.fsencode(here))) == sorted(os.listdir(os.fsencode(there)))
    for name in ("run.sh", "zero"):
        was, is_now = (there / name).stat(), (here / name).stat()
        assert (was.st_mode, int(was.st_mtime)) == (is_now.st_mode, int(is_now.st_mtime))


def test_sftp_as_first_and_only_contact_lists_and_gets(
    demo: Demo, there: Path, tmp_path: Path
) -> None:
    ran = demo.sftp(
        "ls -1", "ls -1 /devices", f"ls -1 /devices/{demo.device}",
        f"get {demo.at(there / 'run.sh')} {tmp_path}/got",
    )  # fmt: skip
    assert (ran.status, ran.err) == (0, "")
    for line in ("devices", "evidence", f"/devices/{demo.device}", f"/devices/{demo.device}/root"):
        assert line in ran.out.split()
    assert (tmp_path / "got").read_text() == "#!/bin/sh\n"


def test_a_link_is_opened_as_a_stock_client_means_it(
    demo: Demo, there: Path, tmp_path: Path
) -> None:
    (there / "link").symlink_to("run.sh")
    (there / "dangling").symlink_to("nowhere")
    got = demo.client("scp", f"fireline:{demo.at(there / 'link')}", str(tmp_path / "got"))
    assert (got.status, (tmp_path / "got").read_text()) == (0, "#!/bin/sh\n")
    lost = demo.client("scp", f"fireline:{demo.at(there / 'dangling')}", str(tmp_path / "lost"))
    assert lost.status == 1
    assert not (tmp_path / "lost").exists()


def test_a_devices_name_has_no_case(demo: Demo, there: Path, tmp_path: Path) -> None:
    path = demo.at(there / "run.sh").replace(demo.device, demo.device.upper())
    assert demo.client("scp", f"fireline:{path}", str(tmp_path / "got")).status == 0


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("*.log", ["*.log", "2026-01-01T10:00.log"]),
        ("\\*.log", ["*.log"]),
        ("2026-01-01T10:00.log", ["2026-01-01T10:00.log"]),
        ('it\'s $HOME "x" \\[1\\].txt', ['it\'s $HOME "x" [1].txt']),
    ],
)
def test_globs_expand_and_a_literal_star_can_be_taken(
    demo: Demo, there: Path, tmp_path: Path, asked: str, names: list[str]
) -> None:
    (tmp_path / "got").mkdir()
    ran = demo.client("scp", f"fireline:{demo.at(there)}/{asked}", str(tmp_path / "got"))
    assert ran.status == 0, ran.err
    assert sorted(os.listdir(tmp_path / "got")) == names


def test_a_folder_of_30_000_names_is_listed_whole(demo: Demo, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    names = {f'it\'s {n} "file" with blanks' for n in range(30_000)}
    for name in names:
        (many / name).touch()
    ran = demo.sftp(f"cd {demo.at(many)}", "ls -1")
    assert ran.status == 0
    assert set(ran.out.splitlines()[2:]) == names, ran.err


def test_a_file_of_the_kernel_is_read_to_its_end(demo: Demo, tmp_path: Path) -> None:
    ran = demo.client(
        "scp", f"fireline:/devices/{demo.device}/root/proc/cpuinfo", str(tmp_path / "got")
    )
    assert ran.status == 0, ran.err
    assert "processor" in (tmp_path / "got").read_text()


# What is recorded.
def test_reading_is_recorded_with_ranges_bytes_and_digest(
    demo: Demo, there: Path, tmp_path: Path
) -> None:
    path = there / "sub" / "big"
    demo.client("scp", f"fireline:{demo.at(path)}", str(tmp_path / "big"))
    mine = [chunk for chunk in demo.chunks() if chunk.path == str(path)]
    assert mine[-2:] == [
        FileChunk("open", str(path)),
        FileChunk(
            *("read", str(path)),
            ranges=[(0, len(BIG))],
            bytes=len(BIG),
            sha256=hashlib.sha256(BIG).hexdigest(),
        ),
    ]
    demo.sftp(f"ls {demo.at(there)}")
    assert FileChunk("list", str(there)) in demo.chunks()


# What is refused.
def test_what_is_not_there_and_who_may_not_be_seen_look_alike(demo: Demo, there: Path) -> None:
    told = set()
    for path in (
        demo.at(there / "nothing"), "/devices/no-such-device/root/etc/hosts", "/etc/hosts",
        f"/devices/{demo.device}/C/x", f"/devices/{demo.device}/root/../../../../../etc/hosts",
        "/evidence/S999999/x", "/evidence/S1/../../x",
    ):  # fmt: skip
        ran = demo.sftp(f"get {path} /dev/null")
        assert ran.status == 1
        told.add(ran.err.replace(path, "PATH").splitlines()[-1])
    assert told == {'File "PATH" not found.'}


def test_who_may_not_getfile_is_told_why(demo: Demo, there: Path) -> None:
    ran = demo.sftp(f"get {demo.at(there / 'run.sh')} /dev/null", host="fireline-auditor")
    assert ran.status == 1
    assert "needs basic or advanced, you are auditor" in ran.err


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_plain_file_is_refused_by_name(demo: Demo, tmp_path: Path, kind: str) -> None:
    odd = tmp_path / "odd"
    os.mkfifo(odd) if kind == "fifo" else odd.mkdir()
    ran = demo.client("scp", f"fireline:{demo.at(odd)}", str(tmp_path / "got"))
    assert ran.status == 1
    assert "not a regular file" in ran.err


# Evidence.
def test_evidence_is_its_owners_and_the_auditors(demo: Demo, there: Path, tmp_path: Path) -> None:
    ran = demo.client("ssh", "fireline", f'on {demo.device} getfile "{there / "sub" / "big"}"')
    assert ran.status == 0, ran.err
    folder = max((demo.state / "broker" / "evidence").glob("S*"), key=lambda p: int(p.name[1:]))
    (folder / "link").symlink_to("/etc/passwd")
    path = f"/evidence/{folder.name}/big"
    for host in ("fireline", "fireline-auditor"):
        got = tmp_path / f"got-{host}"
        assert demo.client("scp", f"{host}:{path}", str(got)).status == 0
        assert got.read_bytes() == BIG
        listed = demo.sftp("ls -1 /evidence", f"ls -1 /evidence/{folder.name}", host=host)
        assert f"/evidence/{folder.name}" in listed.out.split()
        assert [line for line in listed.out.splitlines() if "link" in line] == []
        assert demo.client("scp", f"{host}:{path[:-3]}link", str(got)).status == 1
    other = demo.sftp("ls -1 /evidence", host="fireline-basic")
    assert (other.status, folder.name in other.out) == (0, False)
    assert demo.client("scp", f"fireline-basic:{path}", str(tmp_path / "no")).status == 1
    assert demo.chunks()[-1].path != "" and FileChunk("open", path) in demo.chunks()
    verified = demo.client("ssh", "fireline-auditor", f"verify {folder.name}")
    (folder / "link").unlink()
    assert "link" in verified.out + verified.err
    assert demo.client("ssh", "fireline-auditor", f"verify {folder.name}").status == 0


# What no stock client does.
def test_a_reader_that_does_not_read_costs_no_memory(demo: Demo, tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    with Raw(demo) as raw:
        handle = raw.ask(3, string(demo.at(huge).encode()) + struct.pack(">II", 1, 0))[9:]
        before = demo.broker_kib()
        for number in range(4000):
            body = struct.pack(">I", number) + string(handle)
            raw.send(5, body + struct.pack(">QI", number * 261_120, 261_120))
        # Another client is served meanwhile, so the broker has had its turns.
        assert demo.sftp("ls /devices").status == 0
        assert demo.broker_kib() - before < 16 * 1024
        assert len(raw.packet()) == 9 + 261_120


def test_a_right_that_is_taken_away_ends_a_read_under_way(
    demo: Demo, tmp_path: Path, change_rules: Callable[[str, str], None]
) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    with Raw(demo) as raw:
        handle = raw.ask(3, string(demo.at(huge).encode()) + struct.pack(">II", 1, 0))[9:]
        read = string(handle) + struct.pack(">QI", 0, 1000)
        assert raw.ask(5, read)[0] == 103
        change_rules("role: advanced", "role: advanced\n    deny: [getfile]")
        until(lambda: raw.ask(5, read)[0] == 101)
        assert code(raw.ask(5, read)) == 3
        assert raw.ask(17, string(demo.at(huge).encode()))[0] == 105  # `dir` is not denied


def test_a_comment_that_is_needed_comes_with_the_connection(
    demo: Demo, there: Path, change_rules: Callable[[str, str], None]
) -> None:
    change_rules("role: advanced", "role: advanced\n    comment: required")
    line = f"ls {demo.at(there)}"
    until(lambda: demo.sftp(line).status == 1)
    assert "FIRELINE_COMMENT=" in demo.sftp(line).err
    ran = demo.client(
        *("sftp", "-q", "-o", "SetEnv=FIRELINE_COMMENT=INC-4711", "-b", "-", "fireline"),
        stdin=line.encode(),
    )
    assert ran.status == 0, ran.err


def test_a_client_that_is_killed_leaves_what_it_got_in_the_record(demo: Demo, there: Path) -> None:
    path = there / "sub" / "big"
    with Raw(demo) as raw:
        handle = raw.ask(3, string(demo.at(path).encode()) + struct.pack(">II", 1, 0))[9:]
        got = raw.ask(5, string(handle) + struct.pack(">QI", 10, 1000))[9:]
        raw.process.kill()
    sha256 = hashlib.sha256(got).hexdigest()
    read = FileChunk("read", str(path), ranges=[(10, 1010)], bytes=1000, sha256=sha256)
    until(lambda: read in demo.chunks())


def test_sixty_four_reads_at_once_are_each_answered_with_their_bytes(
    demo: Demo, there: Path
) -> None:
    with Raw(demo) as raw:
        path = demo.at(there / "sub" / "big")
        handle = raw.ask(3, string(path.encode()) + struct.pack(">II", 1, 0))[9:]
        for number in range(64):
            body = struct.pack(">I", number) + string(handle)
            raw.send(5, body + struct.pack(">QI", number * 100_003, 30_000))
        answers = [raw.packet() for _ in range(64)]
    for answer in answers:
        number = struct.unpack(">I", answer[1:5])[0]
        assert answer[9:] == BIG[number * 100_003 :][:30_000]


def test_extended_requests_are_refused_cleanly_and_the_next_is_served(demo: Demo) -> None:
    with Raw(demo) as raw:
        assert raw.version[:5] == struct.pack(">BI", 2, 3)
        for name in (b"statvfs@openssh.com", b"copy-data", b"hardlink@openssh.com", b"x\xff"):
            assert code(raw.ask(200, string(name) + string(b"/") + string(b"/x"))) == 8
        assert code(raw.ask(250, b"")) == 8
        assert raw.ask(16, string(b"."))[0] == 104


@pytest.mark.parametrize(
    "path",
    [b"/devices/\0/root", b"/a\0b", b"/" + b"a" * 5000, b"/devices/x/root/" + b"\xff" * 4000],
)
def test_what_is_no_path_is_an_error_and_no_end(demo: Demo, path: bytes) -> None:
    with Raw(demo) as raw:
        for kind in (7, 11, 17):
            answer = raw.ask(kind, string(path))
            if answer[0] == 102:  # a folder's handle: the error comes with its first list
                answer = raw.ask(12, string(answer[9:]))
            assert code(answer) in (2, 4)
        assert raw.ask(16, string(b"/x/.."))[0] == 104


def test_a_packet_that_is_too_long_ends_the_channel_alone(demo: Demo) -> None:
    with Raw(demo) as raw:
        assert raw.process.stdin is not None
        raw.process.stdin.write(struct.pack(">IB", 1 << 30, 3))
        raw.process.stdin.flush()
        assert raw.process.wait(20) == 1
    assert demo.sftp("ls /devices").status == 0
