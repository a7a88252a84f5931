"""The stock sftp and scp writing to a real device: what is there, what is refused, what is kept."""

import hashlib
import json
import os
import sqlite3
import struct
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.files_demo import Demo, change_rules, demo
from tests.journeys.rig import until
from tests.journeys.sftp_client import Raw, code, string
from tests.journeys.sftp_folders import BIG, ODD, filled, there

__all__ = ["change_rules", "demo", "there"]  # the fixtures

pytestmark = pytest.mark.needs("ssh", "sftp", "scp")
WRITE, APPEND, CREAT, TRUNC, EXCL = 2, 4, 8, 16, 32
EXISTS = "exists and this connection did not make it"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """What is put: every kind of plain file and name."""
    return filled(tmp_path / "here", ODD)


def changes(demo: Demo, kind: str, path: Path) -> list[dict[str, Any]]:
    """The journal's records of a kind about a path, oldest first; an end is found by its start."""
    place = f"file:{demo.state}/broker/fireline.db?mode=ro"
    with closing(sqlite3.connect(place, uri=True)) as store:
        lines = store.execute(
            "SELECT line FROM records WHERE kind IN ('change_begun', 'change_ended') ORDER BY seq"
        )
        found = [json.loads(line) for (line,) in lines]
    numbers = {
        (one["journal"], one["change"])
        for one in found
        if one["kind"] == "change_begun" and one["path"] == str(path)
    }
    return [r for r in found if r["kind"] == kind and (r["journal"], r["change"]) in numbers]


# What is put.
@pytest.mark.parametrize("words", [["-rp"], ["-r"]])
def test_scp_puts_a_tree_with_empty_folders_modes_times_and_names_of_bytes(
    demo: Demo, here: Path, there: Path, words: list[str]
) -> None:
    ran = demo.client("scp", *words, str(here), f"fireline:{demo.at(there)}/new")
    assert (ran.status, ran.err) == (0, "")
    assert subprocess.run(["diff", "-r", here, there / "new"], check=False).returncode == 0
    was, is_now = (here / "run.sh").stat(), (there / "new" / "run.sh").stat()
    assert was.st_mode == is_now.st_mode
    assert (was.st_mtime == is_now.st_mtime) == (words == ["-rp"])


def test_what_is_put_is_recorded_before_and_after_with_its_digest(
    demo: Demo, here: Path, there: Path
) -> None:
    path = there / "big"
    assert demo.client("scp", str(here / "sub/big"), f"fireline:{demo.at(path)}").status == 0
    (begun,) = changes(demo, "change_begun", path)
    (ended,) = changes(demo, "change_ended", path)
    assert (begun["what"], begun["rule"] != "") == ("write", True)
    assert begun["seq"] < ended["seq"]
    assert ended["state"] == "completed"
    assert (ended["bytes"], ended["ranges"]) == (len(BIG), [[0, len(BIG)]])
    assert ended["sha256"] == hashlib.sha256(BIG).hexdigest()
    assert demo.client("ssh", "fireline-auditor", f"verify {begun['journal']}").status == 0


def test_sftp_puts_goes_on_renames_and_sets_what_it_made_itself(
    demo: Demo, here: Path, there: Path
) -> None:
    (here / "half").write_bytes(BIG[: len(BIG) // 2])
    at = demo.at(there)
    ran = demo.sftp(
        f"mkdir {at}/folder", f"put {here}/half {at}/folder/big",
        f"reput {here}/sub/big {at}/folder/big", f"chmod 640 {at}/folder/big",
        f"put {here}/run.sh {at}/folder/again", f"put -p {here}/run.sh {at}/folder/again",
        f"rename {at}/folder/big {at}/moved", f"rename {at}/folder/again {at}/moved-too",
    )  # fmt: skip
    assert (ran.status, ran.err) == (0, "")
    assert (there / "moved").read_bytes() == BIG
    assert (there / "moved").stat().st_mode & 0o777 == 0o640
    assert int((there / "moved-too").stat().st_mtime) == 1_000_000_000
    assert os.listdir(there / "folder") == []


# What is refused.
def tree(folder: Path) -> dict[Path, tuple[int, ...]]:
    """All below a folder, but for when it was looked at."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {
        path: (facts.st_ino, facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        for path, facts in found.items()
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("put {here}/run.sh {at}/old", EXISTS),
        ("put -a {here}/sub/big {at}/old", EXISTS),
        ("mkdir {at}/folder", "exists already"),
        ("rm {at}/old", "use run or shell"),
        ("rmdir {at}/folder", "use run or shell"),
        ("rename {at}/old {at}/new", "was not made by this connection"),
        ("ln -s /etc/passwd {at}/new", "no links are made"),
        ("ln {at}/old {at}/new", "does not support"),
        ("chmod 777 {at}/old", "was not made by this connection"),
        ("chown 0 {at}/old", "give no file another owner"),
        ("put {here}/run.sh {at}/link", "is a link; only a plain file"),
        ("put {here}/run.sh {at}/by-link/new", "nothing is written through a link"),
        ("put {here}/run.sh /new", "nothing is made or changed here"),
        ("put {here}/run.sh /evidence/S1/new", "nothing is made or changed here"),
    ],
)
def test_what_is_refused_is_said_and_changes_nothing(
    demo: Demo, here: Path, there: Path, line: str, said: str
) -> None:
    (there / "old").write_text("old")
    (there / "folder").mkdir()
    (there / "link").symlink_to("old")
    (there / "by-link").symlink_to("folder")
    before = tree(there)
    ran = demo.sftp(line.format(here=here, at=demo.at(there)))
    assert ran.status == 1
    assert said in ran.err
    assert tree(there) == before


def test_one_connection_renames_nothing_over_what_another_made(
    demo: Demo, here: Path, there: Path
) -> None:
    (there / "old").write_text("old")
    at = demo.at(there)
    ran = demo.sftp(f"put {here}/run.sh {at}/new", f"rename {at}/new {at}/old")
    assert (ran.status, (there / "old").read_text()) == (1, "old")
    assert EXISTS in ran.err


def test_who_may_not_putfile_puts_nothing(demo: Demo, here: Path, there: Path) -> None:
    ran = demo.client("scp", str(here / "run.sh"), f"fireline-basic:{demo.at(there)}/new")
    assert ran.status != 0
    assert "needs advanced, you are basic" in ran.err
    assert os.listdir(there) == []


def test_the_rules_right_lets_what_others_made_be_replaced_and_gone_on_with(
    demo: Demo, here: Path, there: Path, change_rules: Callable[[str, str], None]
) -> None:
    (there / "old").write_bytes(BIG[:1000])
    (there / "old").chmod(0o604)
    at = demo.at(there)
    change_rules("{library: write,", "{library: write, overwrite: allow,")
    until("the right is in force", lambda: demo.sftp(f"put {here}/zero {at}/old").status == 0)
    ran = demo.sftp(f"put {here}/run.sh {at}/old", f"reput {here}/sub/big {at}/old")
    assert (ran.status, ran.err) == (0, "")
    assert (there / "old").read_bytes() == b"#!/bin/sh\n" + BIG[10:]
    assert (there / "old").stat().st_mode & 0o777 == 0o604
    ran = demo.client("scp", str(here / "run.sh"), f"fireline:{at}/old")
    assert (ran.status, (there / "old").read_text()) == (0, "#!/bin/sh\n")


def test_who_may_start_nothing_puts_nothing_where_it_would_be_started(
    demo: Demo, here: Path, there: Path, change_rules: Callable[[str, str], None]
) -> None:
    change_rules("role: advanced", "role: advanced\n    deny: [run, shell, exec]")
    root = f"/devices/{demo.device}/root"

    def refused(line: str) -> bool:
        ran = demo.sftp(line)
        return ran.status == 1 and "where the system or a login starts files" in ran.err

    denied = f"on {demo.device} exec true"
    until("the rule is in force", lambda: demo.client("ssh", "fireline", denied).status == 3)
    assert refused(f"put {here}/run.sh {root}/etc/cron.d/fireline-x")
    assert refused(f"mkdir {root}/root/.ssh/fireline-x")
    assert refused(f"mkdir {demo.at(there)}/.config")
    ran = demo.sftp(
        f"put {here}/run.sh {demo.at(there)}/new", f"rename {demo.at(there)}/new {root}/etc/x"
    )
    assert (ran.status, os.listdir(there)) == (1, ["new"])
    assert demo.client("ssh", "fireline", "library add x.sh", stdin=b"x").status == 0
    put = f"on {demo.device} putfile x.sh -path "
    assert demo.client("ssh", "fireline", put + "/etc/cron.d/fireline-x").status == 3
    assert demo.client("ssh", "fireline", put + f"{there}/put").status == 0
    assert not Path("/etc/cron.d/fireline-x").exists()


# A client of our own, for what no stock one does.
def opened(raw: Raw, path: str, flags: int, mode: int | None = None) -> bytes:
    attrs = struct.pack(">I", 0) if mode is None else struct.pack(">II", 4, mode)
    answer = raw.ask(3, string(path.encode()) + struct.pack(">I", flags) + attrs)
    return answer if answer[0] == 101 else answer[9:]


def write(raw: Raw, handle: bytes, offset: int, data: bytes) -> int:
    return code(raw.ask(6, string(handle) + struct.pack(">Q", offset) + string(data)))


def test_what_is_written_at_offsets_appended_and_cut_is_as_it_was_asked(
    demo: Demo, there: Path
) -> None:
    path = there / "new"
    with Raw(demo) as raw:
        handle = opened(raw, demo.at(path), WRITE | CREAT | EXCL, 0o4755)
        assert not path.exists()
        assert write(raw, handle, 1 << 20, b"far") == 0
        assert write(raw, handle, 0, b"near") == 0
        assert raw.ask(7, string(demo.at(path).encode()))[0] == 105  # its stat, before it is there
        assert code(raw.ask(4, string(handle))) == 0
        content = b"near" + bytes((1 << 20) - 4) + b"far"
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o7777 == 0o755
        handle = opened(raw, demo.at(path), WRITE | APPEND)
        assert write(raw, handle, 0, b"more") == 0
        assert code(raw.ask(4, string(handle))) == 0
        assert path.read_bytes() == content + b"more"
        handle = opened(raw, demo.at(path), WRITE | TRUNC)
        assert write(raw, handle, 0, b"anew") == 0
        assert path.read_bytes() == content + b"more"
        assert code(raw.ask(4, string(handle))) == 0
        assert path.read_bytes() == b"anew"
        assert code(opened(raw, demo.at(path), WRITE | CREAT | EXCL)) == 3


def test_sixty_four_writes_at_once_are_answered_in_any_order_and_written_in_theirs(
    demo: Demo, there: Path
) -> None:
    path = there / "new"
    pieces = [bytes([number]) * 30_000 for number in range(64)]
    with Raw(demo) as raw:
        handle = opened(raw, demo.at(path), WRITE | CREAT)
        for number, piece in enumerate(pieces):
            body = struct.pack(">I", number) + string(handle)
            raw.send(6, body + struct.pack(">Q", number * 30_000) + string(piece))
        raw.send(4, struct.pack(">I", 64) + string(handle))
        answers = [raw.packet() for _ in range(65)]
    assert {struct.unpack(">I", answer[1:5])[0] for answer in answers} == set(range(65))
    assert {code(answer) for answer in answers} == {0}
    assert path.read_bytes() == b"".join(pieces)


def test_who_is_killed_while_it_writes_leaves_nothing_and_the_journal_says_so(
    demo: Demo, there: Path
) -> None:
    path = there / "new"
    with Raw(demo) as raw:
        handle = opened(raw, demo.at(path), WRITE | CREAT)
        assert write(raw, handle, 0, BIG[:200_000]) == 0
        raw.process.kill()
    until("the change has an end", lambda: changes(demo, "change_ended", path))
    (ended,) = changes(demo, "change_ended", path)
    assert (ended["state"], ended["bytes"]) == ("interrupted", 200_000)
    until("nothing is left", lambda: os.listdir(there) == [])
