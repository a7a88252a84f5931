"""Completion: one word that the grammar reads back to what it means."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.language.command import discover
from commands.language.completion import SOURCES, Candidates, Found, complete
from commands.language.line import MAX_LINE, parse, split
from commands.language.visible import is_clean

discover()


class Known(Candidates):
    """A broker that knows a few names."""

    def __init__(self, library: list[str] | None = None, there: str = "") -> None:
        self._there = there
        self._library = library or ["triage.sh", "my tool.exe", "-rf", """it's $HOME "x" [1].txt"""]

    def devices(self) -> Found:
        return [("web-01", "Windows 2022"), ("web-02", "Windows 2022"), ("db-02", "Debian 12")]

    def selectors(self) -> Found:
        return [*self.devices(), ("tag:web", "2 devices"), ("all", "")]

    def jobs(self) -> Found:
        return [("12", "findfile *.dat")]

    def library(self) -> Found:
        return [(name, "v1") for name in self._library]

    def sessions(self) -> Found:
        return [("S1044", "web-02")]

    def pids(self) -> Found:
        return [("79", "sshd"), ("796", "vim")]

    def paths(self, typed: str) -> Found:
        assert typed in ("", "C:\\Pro", "/etc/h", "no")
        return [
            ("C:\\Program Files\\", "folder"),
            ("/etc/hosts", "12 bytes"),
            ("/etc/hosts.d/", "folder"),
            ("raw:/etc/i%FFj", "3 bytes"),
        ]

    def on(self, device: str) -> tuple[Candidates, tuple[str, ...]] | None:
        """Of one device more is known: its paths, and that it has no `shell`."""
        return (Known(), ("shell",)) if device == self._there else None


def offered(line: str, not_here: tuple[str, ...] = ()) -> list[str]:
    return [c.text for c in complete(line, len(line), Known(), not_here)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("getf", ["getfile"]),
        ("connect web", ["web-01", "web-02"]),
        ("connect WEB-01", ["web-01"]),
        ("on ", ["web-01", "web-02", "db-02", "tag:web", "all"]),
        ("on tag:", ["tag:web"]),
        ("devices t", ["tag:web"]),
        ("on db-02 proc", ["processes"]),
        ("on db-02 run tri", ["triage.sh"]),
        ("processes 79", ["79", "796"]),
        ("processes -pid 796", ["796"]),
        ("on db-02 processes 79", []),
        ("cat /etc/h", ["/etc/hosts", "/etc/hosts.d/", "raw:/etc/i%FFj"]),
        ("cd /etc/h", ["/etc/hosts.d/"]),
        ("dir C:\\Pro", ["'C:\\Program Files\\'", "raw:/etc/i%FFj"]),
        ('dir "C:\\Pro', ["'C:\\Program Files\\'", "raw:/etc/i%FFj"]),
        ("on db-02 cat /etc/h", []),
        ("findfile x -path no", ["raw:/etc/i%FFj"]),
        ("on db-02 processes -output ", ["table", "list", "json", "csv"]),
        ("fg ", ["12"]),
        ("attach ", ["S1044"]),
        ("replay S", ["S1044"]),
        ("library d", ["delete"]),
        ("library delete tri", ["triage.sh"]),
        ("help getf", ["getfile"]),
        ("why getfile db", ["db-02"]),
        ("processes -n", ["-name"]),
        ("getfile x -a", ["-auto"]),
        ("netst", ["netstat"]),
        ("run 'my", ["'my tool.exe'"]),
        ('run "my', ["'my tool.exe'"]),
        ("nonsense ", []),
        ("processes > ", []),
        ("run x -timeout ", []),
        ("run x -arg 'half", []),
    ],
)
def test_what_fits_at_the_cursor_is_offered(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("on db-02 cat /etc/h", ["/etc/hosts", "/etc/hosts.d/", "raw:/etc/i%FFj"]),
        ("on db-02 cd /etc/h", ["/etc/hosts.d/"]),
        ("on db-02 processes 79", ["79", "796"]),
        ("on db-02 sh", []),
        ("on db-02 get", ["getfile"]),
        ("on db-02 getfile x -a", ["-auto"]),
        ("on -comment 'a b' db-02 cat /etc/h", ["/etc/hosts", "/etc/hosts.d/", "raw:/etc/i%FFj"]),
        ("on web-01 cat /etc/h", []),
        ("on web-01 sh", ["shell"]),
        ("on db-02 on db-02 cat /etc/h", []),
    ],
)
def test_inside_on_it_is_that_device_that_is_asked(line: str, expected: list[str]) -> None:
    known = Known(there="db-02")
    assert [c.text for c in complete(line, len(line), known)] == expected


def test_what_is_not_here_is_not_offered() -> None:
    assert "shell" in offered("sh") and "shell" not in offered("sh", ("shell",))


def test_each_has_its_meaning() -> None:
    (found,) = complete("connect db", 10, Known())
    assert (found.text, found.start, found.meaning) == ("db-02", 8, "Debian 12")


def test_what_follows_the_cursor_is_not_read() -> None:
    assert [c.text for c in complete("conn web-01 'x", 4, Known())] == ["connect", "connections"]


@pytest.mark.parametrize("name", ['it\'s $HOME "x" [1].txt', "-rf", "&", "a b", "--version", "-"])
def test_a_completed_word_reads_back_to_the_same_name(name: str) -> None:
    for completion in complete("run ", 4, Known([name])):
        command = parse("run " + completion.text).command
        assert getattr(command, "script", None) == name


@settings(max_examples=500, deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_any_candidate_is_one_word(name: str) -> None:
    (found,) = complete("putfile ", 8, Known([name]))
    words = split("putfile " + found.text)
    assert len(words) == 2 and (words[1].text == name or words[1].text.startswith("raw:"))
    assert is_clean(found.text)


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="getfile on-output '\"&>|wb01", max_size=30))
def test_any_line_can_be_completed(line: str) -> None:
    for found in complete(line, len(line), Known()):
        assert 0 <= found.start <= len(line) and split(found.text)


def test_a_line_that_is_too_long_gets_nothing() -> None:
    assert complete("a" * (MAX_LINE + 1), MAX_LINE + 1, Known()) == []


def test_every_source_belongs_to_a_declared_parameter() -> None:
    every = {f"{w} {p.name}" for w, c in discover().items() for p in c.spec.parameters}
    assert all(any(e == s or e.endswith(f" {s}") for e in every) for s in SOURCES)
