"""Which file an interpreter is told to run, from its words. Pure.

What is not here to be seen: code in the words themselves (`-c`, `-e`), modules by name (`-m`), and
whatever the script reads later.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """How interpreters of one kind are called."""

    inline: bytes = b""
    """Letters, anywhere in a cluster: the program is in the words, or named otherwise."""
    standard: bytes = b""
    """Letters of a cluster: whatever words follow, it comes from standard input."""
    valued: frozenset[bytes] = frozenset()
    """Options whose value is the next word."""
    file: frozenset[bytes] = frozenset()
    """Options whose next word is the script."""
    bare: bool = True
    """The first word that is no option is the script."""


def _words(*words: str) -> frozenset[bytes]:
    return frozenset(word.encode() for word in words)


SHELL = Family(b"c", b"s", _words("-o", "+o", "-O", "+O", "--rcfile", "--init-file"))
FAMILIES = (
    (r"(ba|da|k|mk|pdk|z|a|ya|po)?sh|rbash|ksh93", SHELL),
    (r"python[0-9.]*", Family(b"cm", b"", _words("-W", "-X", "--check-hash-based-pycs"))),
    (r"pypy[0-9.]*", Family(b"cm", b"", _words("-W", "-X"))),
    (r"perl[0-9.]*", Family(b"eE", b"", _words("-I"))),
    (r"ruby[0-9.]*", Family(b"e", b"", _words("-I", "-r", "-C", "-E"))),
    (r"(node|nodejs)", Family(b"ep", b"", _words("-r", "--require", "--import", "--loader"))),
    (r"lua(jit)?[0-9.]*", Family(b"", b"", _words("-e", "-l"))),
    (r"php[0-9.]*", Family(b"r", b"", _words("-d", "-c", "-z"), _words("-f", "--file"))),
    (r"(tclsh|wish|expect)[0-9.]*", Family(b"c", b"", _words("-encoding"), _words("-f"))),
    (
        r"[gmn]?awk|original-awk",
        Family(b"", b"", _words("-F", "-v"), _words("-f", "--file"), False),
    ),
)
_FAMILIES = [(re.compile(rf"(?:{names})".encode()), family) for names, family in FAMILIES]
BUSYBOX, STANDARD = b"busybox", b"/dev/stdin"
INLINE_WORDS = _words("--eval", "--print", "--command", "--version", "--help")


def is_interpreter(path: bytes) -> bool:
    """Whether a program of this file name may be one."""
    name = path.rpartition(b"/")[2]
    return name == BUSYBOX or _family(name) is not None


def scripts_of(program: bytes, words: Sequence[bytes]) -> list[bytes]:
    """The scripts as they were named, STANDARD for standard input; none where the program is in
    the words, or where this is no interpreter."""
    name, given = program.rpartition(b"/")[2], list(words)
    if name == BUSYBOX:
        # Called by the applet's name, or with it as the first word.
        if given and given[0].rpartition(b"/")[2] == BUSYBOX:
            del given[0]
        name = given[0].rpartition(b"/")[2] if given else b""
    family = _family(name)
    return list(_named(family, given[1:])) if family is not None else []


def _family(name: bytes) -> Family | None:
    return next((family for names, family in _FAMILIES if names.fullmatch(name)), None)


def _named(family: Family, words: Sequence[bytes]) -> Iterator[bytes]:
    rest = iter(words)
    given = False
    for word in rest:
        name, equals, value = word.partition(b"=")
        cluster = word[1:] if word[:1] in b"-+" and not word.startswith(b"--") else b""
        if word in (b"-", b"--") or not word.startswith((b"-", b"+")) or word == b"+":
            word = next(rest, b"-") if word == b"--" else word
            if family.bare and not given:
                yield STANDARD if word == b"-" else word
            return
        if name in family.file:
            given = True
            yield value if equals else next(rest, b"")
        elif family.file and word[:2] in family.file and len(word) > 2 and cluster:
            given = True
            yield word[2:]
        elif name in INLINE_WORDS or any(letter in cluster for letter in family.inline):
            return
        elif any(letter in cluster for letter in family.standard):
            yield STANDARD
            return
        elif name in family.valued or (cluster and b"-" + cluster[-1:] in family.valued):
            next(iter(()) if equals else rest, None)
    if family.bare and not given:
        yield STANDARD
