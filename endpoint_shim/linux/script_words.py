"""Which file an interpreter is told to run, from its words. Pure.

What is not here to be seen: code in the words themselves (`-c`, `-e`), modules by name (`-m`), and
whatever the script reads later.
"""

import re
from collections.abc import Sequence
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
BUSYBOX = b"busybox"
INLINE_WORDS = _words("--eval", "--print", "--command", "--version", "--help")


def is_interpreter(path: bytes) -> bool:
    """Whether a program of this file name may be one."""
    name = path.rpartition(b"/")[2]
    return name == BUSYBOX or _family(name) is not None


def script_of(program: bytes, words: Sequence[bytes]) -> bytes | None:
    """The script as it was named; empty where it is read from standard input; None where the
    program is in the words, or where this is no interpreter."""
    name, given = program.rpartition(b"/")[2], list(words)
    if name == BUSYBOX:
        # Called by the applet's name, or with it as the first word.
        if given and given[0].rpartition(b"/")[2] == BUSYBOX:
            del given[0]
        name = given[0].rpartition(b"/")[2] if given else b""
    family = _family(name)
    return _named(family, given[1:]) if family is not None else None


def _family(name: bytes) -> Family | None:
    return next((family for names, family in _FAMILIES if names.fullmatch(name)), None)


def _named(family: Family, words: Sequence[bytes]) -> bytes | None:
    rest = iter(words)
    for word in rest:
        if word == b"--":
            return _first(family, next(rest, b""))
        if word == b"-" or not word:
            return b""
        if word[:1] not in b"-+" or len(word) == 1:
            return _first(family, word)
        name, equals, value = word.partition(b"=")
        if name in family.file:
            return value if equals else next(rest, b"")
        if name in INLINE_WORDS:
            return None
        if name in family.valued:
            if not equals:
                next(rest, None)
        elif not word.startswith(b"--") and any(letter in word[1:] for letter in family.inline):
            return None
        elif not word.startswith(b"--") and any(letter in word[1:] for letter in family.standard):
            return b""
        elif not word.startswith(b"--") and b"-" + word[-1:] in family.valued:
            next(rest, None)
    return b"" if family.bare else None


def _first(family: Family, word: bytes) -> bytes | None:
    return word if family.bare else None
