"""Field reports k10: names that are not plain text, on every way in."""

import os
from pathlib import Path

import pytest

from commands.language.names import Name, from_bytes, to_bytes
from commands.language.names import typed as as_typed
from tests.journeys.field import Field, far, quoted

ESCAPES = [
    b"x\x1b]0;owned\x07.txt",
    b"y\x1b[2J.txt",
    b"two\nlines.txt",
    b"tab\there.txt",
    b"cr\rhidden.txt",
    "c1\u009b31m.txt".encode(),
    b"no\xff\xfetext.txt",
]


def put(folder: Path, *names: str | bytes) -> None:
    for name in names:
        raw = os.fsencode(name)
        with open(os.path.join(os.fsencode(folder), raw), "wb") as file:
            file.write(b"content of " + raw + b"\n")


def listed(rows: list[dict[str, str]]) -> list[bytes]:
    """The last parts of rows' paths, exactly."""
    return [os.path.basename(to_bytes(Name(row.get("path_raw", row["path"])))) for row in rows]


@pytest.mark.parametrize("name", ["a#!001", "setup[1].exe", "{a,b}.txt", "what?.txt", "*.log"])
def test_hash_bracket_getfile_takes_exactly_the_named_one(
    field: Field, tmp_path: Path, name: str
) -> None:
    put(tmp_path, name, "setup1.exe", "whatx.txt", "a.log", "a.txt")
    ran = field.on(f"getfile {quoted(tmp_path / name)} -auto")
    size = len(f"content of {name}\n")
    assert ran.status == 0 and f"{name} taken: {size} bytes, same digest" in ran.out
    missing = field.on(f"getfile {tmp_path}/setup[2].exe")
    assert missing.status == 1 and "does not exist" in missing.err


def test_hash_bracket_findfile_says_how_a_bracket_is_matched(field: Field, tmp_path: Path) -> None:
    put(tmp_path, "setup[1].exe", "setup1.exe")
    assert listed(field.rows(f"findfile setup[1].exe -path {tmp_path}")) == [b"setup1.exe"]
    assert listed(field.rows(f"findfile setup[[]1].exe -path {tmp_path}")) == [b"setup[1].exe"]
    assert "[[] finds a bracket" in " ".join(field.house.run("help findfile").out.split())


def test_bidi_is_visible_in_tables_and_exact_in_json(field: Field, tmp_path: Path) -> None:
    names = ["invoice\u202efdp.exe", "a\u200bb.txt", "\u2066x\u2069.txt", "plain\ufeff.txt"]
    put(tmp_path, *names)
    table = field.on(f"dir {tmp_path}").out
    assert "invoice\\u{202e}fdp.exe" in table
    assert not any(c in table for c in "\u202e\u200b\u2066\u2069\ufeff")
    assert {n.decode() for n in listed(field.rows(f"dir {tmp_path}"))} == set(names)
    fact = field.on(f"fileinfo {quoted(tmp_path / names[0])}").out
    assert "invoice\\u{202e}fdp.exe" in fact and "\u202e" not in fact


def test_esc_name_one_row_each_and_never_raw(field: Field, tmp_path: Path) -> None:
    put(tmp_path, *ESCAPES)
    for line in (f"dir {tmp_path}", f"findfile *.txt -path {tmp_path}"):
        ran = field.raw(line)
        assert ran.returncode == 0
        assert len(ran.stdout.splitlines()) == 1 + len(ESCAPES), ran.stdout
        for byte in (0x1B, 0x07, 0x0D, 0x09, 0xFF):
            assert byte not in ran.stdout
        assert "\u009b".encode() not in ran.stdout
        assert sorted(listed(field.rows(line))) == sorted(ESCAPES)


@pytest.mark.parametrize("name", ESCAPES)
def test_esc_name_what_json_gives_is_typed_back_and_taken(
    field: Field, tmp_path: Path, name: bytes
) -> None:
    put(tmp_path, name)
    (row,) = field.rows(f"dir {tmp_path}")
    path = row.get("path_raw", row["path"])
    fact = field.row(f"fileinfo {quoted(path)}")
    assert fact["size"] == len(b"content of " + name + b"\n")
    ran = field.raw(f"getfile {quoted(path)} -auto")
    assert ran.returncode == 0 and b"same digest" in ran.stdout
    assert b"\x1b" not in ran.stdout + ran.stderr and b"\x07" not in ran.stdout + ran.stderr


def test_esc_name_neither_replay_nor_log_sends_it_to_the_terminal(
    field: Field, tmp_path: Path
) -> None:
    put(tmp_path, ESCAPES[0], ESCAPES[1])
    with field.screen(columns=100) as screen:
        screen.until(r">$")
        screen.enter(f"dir {tmp_path}")
        screen.until(r"x\\x1b\]0;owned\\x07\.txt")
        screen.enter("log")
        screen.until(r"dir ")
        screen.enter("exit")
        assert screen.status() == 0
        assert not [title for title in screen.titles if "owned" in title]
        assert b"]0;owned" not in screen.raw.replace(b"\\x1b]0;owned", b"")
    session = field.session()
    replayed = field.house.run(f"replay {session} -speed 1000", host="fireline-auditor")
    assert "\x1b]0;owned" not in replayed.out + replayed.err


def test_colon_is_no_host(field: Field, tmp_path: Path) -> None:
    put(tmp_path, "2026-01-01T10:00.log", "host:path")
    for name in ("2026-01-01T10:00.log", "host:path"):
        got = tmp_path / "got"
        copied = field.client("scp", f"fireline:{far(tmp_path)}/{name}", f"{got}")
        assert copied.status == 0, copied.err
        assert got.read_text() == f"content of {name}\n"
        got.unlink()
        batch = f'get "{far(tmp_path)}/{name}" {got}\n'
        assert field.client("sftp", "-b", "-", "fireline", stdin=batch).status == 0
        assert got.read_text() == f"content of {name}\n"
        got.unlink()


def test_remote_glob_expands_and_a_literal_star_is_escaped(field: Field, tmp_path: Path) -> None:
    source, got = tmp_path / "source", tmp_path / "got"
    source.mkdir()
    got.mkdir()
    put(source, "*.log", "a.log", "b.log", "c.txt")
    batch = f"get {far(source)}/*.log {got}/\n"
    assert field.client("sftp", "-b", "-", "fireline", stdin=batch).status == 0
    assert sorted(os.listdir(got)) == ["*.log", "a.log", "b.log"]
    for name in os.listdir(got):
        (got / name).unlink()
    batch = f"get {far(source)}/\\*.log {got}/\n"
    assert field.client("sftp", "-b", "-", "fireline", stdin=batch).status == 0
    assert os.listdir(got) == ["*.log"]
    (got / "*.log").unlink()
    assert field.client("scp", f"fireline:{far(source)}/*.log", str(got)).status == 0
    assert sorted(os.listdir(got)) == ["*.log", "a.log", "b.log"]


def test_bodyfile_thirty_thousand_odd_names_are_all_found_once(
    field: Field, tmp_path: Path
) -> None:
    odd = [" ", "'", '"', "\n", "\\", "$x", "*", "\t"]
    made = set()
    for number in range(30_000):
        folder = tmp_path / f"d{number % 30:02}"
        folder.mkdir(exist_ok=True)
        name = f"n{odd[number % 8]}{number:05}{odd[(number // 8) % 8]}"
        os.close(os.open(folder / name, os.O_CREAT | os.O_WRONLY))
        made.add(os.fsencode(name))
    found = listed(field.rows(f"findfile n* -path {tmp_path}"))
    assert len(found) == 30_000 and set(found) == made


@pytest.mark.parametrize("name", ["-rf", "--help", "--version", "-", "-o ProxyCommand=x"])
def test_dash_name_is_no_option(field: Field, tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    size = len(f"content of {name}\n")
    assert field.row(f"fileinfo {quoted(tmp_path / name)}")["size"] == size
    ran = field.lines(f"cd {tmp_path}\nfileinfo -path {quoted(name)} -output json\n")
    assert ran.status == 0 and f'"size":{size}' in ran.out
    got = tmp_path / "got"
    assert field.client("scp", f"fireline:{far(tmp_path)}/{name}", str(got)).status == 0
    assert got.read_text() == f"content of {name}\n"


QUOTES = ['it\'s $HOME "x" [1].txt', "`id`.txt", "$(id).txt", "a;b&c|d.txt", "percent%41%PATH%.txt"]


@pytest.mark.parametrize("name", QUOTES)
def test_quote_glob_home_a_quoted_word_is_read_back_to_the_same_bytes(
    field: Field, tmp_path: Path, name: str
) -> None:
    put(tmp_path, name, 'it\'s $HOME "x" 1.txt')
    assert as_typed(str(from_bytes(os.fsencode(name)))) == name
    assert field.row(f"dir {quoted(tmp_path / name)}")["path"] == f"{tmp_path}/{name}"
    assert field.on(f"cat {quoted(tmp_path / name)}").out == f"content of {name}\n"
    inner = "".join(f"\\{c}" if c in "\\\"'[]*?" else c for c in name)
    got = tmp_path / "got"
    batch = f"get {far(tmp_path)}/{inner.replace(' ', chr(92) + ' ')} {got}\n"
    copied = field.client("sftp", "-b", "-", "fireline", stdin=batch)
    assert copied.status == 0, copied.err
    assert got.read_text() == f"content of {name}\n"
