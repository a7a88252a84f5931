"""Which file an interpreter is told to run, from its words. Pure.

1. A word's letters are read as getopt(3) reads them: a letter that takes a value takes the rest of
   its word, so that no letter of a value passes for an option (`python3 -Wc x.py` runs x.py).
2. What is not here to be seen: code in the words themselves (`-c`, `-e`), modules by name (`-m`),
   and whatever the script reads later.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """How interpreters of one kind are called."""

    inline: bytes = b""
    """Letters: the program is in the words, or named otherwise."""
    standard: bytes = b""
    """Letters: whatever words follow, it comes from standard input."""
    taking: bytes = b""
    """Letters whose value is the rest of the word or, where that is nothing, the next word."""
    later: bytes = b""
    """Letters whose value is a next word, whatever follows them in theirs."""
    file: bytes = b""
    """As `taking`: the value is the script, or one more."""
    joined: str = r"(?!)"
    """A letter and what belongs to it in the same word."""
    words: frozenset[bytes] = field(default_factory=frozenset)
    """Whole words that take the next one."""
    flags: frozenset[bytes] = field(default_factory=frozenset)
    """Whole words that begin with one dash."""
    files: str = r"(?!)"
    """Long options whose value is the script, or one more."""
    long: bytes = b""
    """A letter whose value is a long option without its dashes."""
    bare: bool = True
    """The first word that is no option is the script."""
    dash_ends: bool = False
    """`-` ends the options, and is not standard input."""


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


SHELL = Family(inline=b"c", standard=b"s", later=b"oO", words=_words("--emulate"), dash_ends=True)
BASH = Family(
    inline=b"c", standard=b"s", later=b"oO", dash_ends=True,
    words=_words("--rcfile --init-file -rcfile -init-file"),
    flags=_words("-debug -debugger -dump-po-strings -dump-strings -help -login -noediting "
                 "-noprofile -norc -posix -pretty-print -restricted -verbose -version"),
)  # fmt: skip
RUBY = _words("--encoding --external-encoding --internal-encoding --enable --disable --dump")
NODE = _words("--require --import --loader --experimental-loader --conditions")
FAMILIES = (
    (r"r?bash", BASH),
    (r"(da|k|rk|mk|lk|pdk|z|a|ya|po)?sh|ksh93", SHELL),
    (r"(bsd-)?t?csh", Family(b"c", b"s", joined="[D].*", dash_ends=True)),
    (r"fish", Family(b"c", taking=b"Cdof", words=_words("--init-command"))),
    (
        r"(python|pypy)[0-9.]*(-dbg|d|m)?",
        Family(b"cm", taking=b"WXQ", words=_words("--check-hash-based-pycs --jit")),
    ),
    (
        r"perl([0-9.]+(-[a-z0-9_-]+)?)?",
        Family(b"eE", taking=b"I", joined=r"[iFmMCDxV].*|dt?[:=].*|0[xX].*"),
    ),
    (r"ruby[0-9.]*", Family(b"e", taking=b"IrCXE", joined=r"[FiKxW].*", words=RUBY)),
    (r"(node|nodejs)", Family(b"ep", taking=b"rC", words=NODE)),
    (r"lua(jit)?[0-9.]*", Family(taking=b"elj", joined="O.*")),
    (
        r"php(-cgi)?[0-9.]*",
        Family(b"rR", taking=b"BEcdzSt", file=b"fF", files="--(file|process-file)"),
    ),
    (r"(tclsh|wish)[0-9.]*", Family(words=_words("-encoding"))),
    (r"expect[0-9.]*", Family(taking=b"cD", file=b"fb")),
    (
        r"[gmn]?awk|original-awk",
        Family(
            taking=b"Fvle",
            file=b"fEi",
            long=b"W",
            joined="[dDopL].*",
            bare=False,
            files="--(fil?e?|e(x(ec?)?)?|inc(l|lu|lud|lude)?)",
        ),
    ),
)
_FAMILIES = [(re.compile(rf"(?:{names})".encode()), family) for names, family in FAMILIES]
_WRAPPERS = _words(
    "chroot chrt env flock ionice nice nohup nsenter script setsid setuidgid softlimit "
    "start-stop-daemon taskset time timeout unshare watch xargs"
)
"""Applets that go on to another within the same program."""
BUSYBOX, STANDARD = b"busybox", b"/dev/stdin"
INLINE_WORDS = _words("--eval --print --command --run --version --help")


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
        while name in _WRAPPERS and given:
            del given[0]
            names = (word.rpartition(b"/")[2] for word in given)
            at = next((at for at, one in enumerate(names) if _family(one) or one == BUSYBOX), None)
            if at is None:
                return []
            return scripts_of(BUSYBOX, given[at:])
    family = _family(name)
    return list(_named(family, given[1:])) if family is not None else []


def _family(name: bytes) -> Family | None:
    return next((family for names, family in _FAMILIES if names.fullmatch(name)), None)


def _named(family: Family, words: Sequence[bytes]) -> Iterator[bytes]:
    rest = iter(words)
    given = False
    for word in rest:
        ends = word == b"--" or (word == b"-" and family.dash_ends)
        if ends or word in (b"-", b"+") or not word.startswith((b"-", b"+")):
            script = next(rest, b"") if ends else word
            if family.bare and not given:
                is_file = script and (script != b"-" or family.dash_ends)
                yield script if is_file else STANDARD
            return
        letter, value, later = b"", b"", 0
        if not word.startswith(b"--") and word not in family.words | family.flags:
            letter, value, later = _letter(family, word[1:])
            if letter in _each(family.inline):
                return
            if letter in _each(family.standard):
                yield STANDARD
                return
            if letter in _each(family.long):
                word = b"--" + (value or next(rest, b""))
        name, equals, of_word = word.partition(b"=")
        if letter in _each(family.file):
            given = True
            yield value or next(rest, b"")
        elif re.fullmatch(family.files.encode(), name):
            given = True
            yield of_word if equals else next(rest, b"")
        elif name in INLINE_WORDS:
            return
        elif letter in _each(family.taking):
            later += not value
        elif name in family.words:
            later += not equals
        for _ in range(later):
            next(rest, None)
    if family.bare and not given:
        yield STANDARD


def _letter(family: Family, cluster: bytes) -> tuple[bytes, bytes, int]:
    """The first letter of a word that ends it, what stands behind it, and how many of the next
    words are values of letters before it."""
    ending = family.inline + family.standard + family.taking + family.file + family.long
    later = 0
    for at in range(len(cluster)):
        letter = cluster[at : at + 1]
        if re.fullmatch(family.joined.encode(), cluster[at:], re.DOTALL):
            break
        if letter in _each(ending):
            return letter, cluster[at + 1 :], later
        later += letter in _each(family.later)
    return b"", b"", later


def _each(letters: bytes) -> list[bytes]:
    return [letters[at : at + 1] for at in range(len(letters))]
