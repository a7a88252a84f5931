"""Arguments as one command line, so that the program reads back exactly what was given; pure.

1. A Windows process gets one text; each program splits it itself. Nearly all (the C library,
   .NET, PowerShell's -File, CommandLineToArgvW) split as `for_program` quotes.
2. cmd.exe reads a line by other rules before a batch file sees it. `for_batch` writes what cmd
   takes as it is meant; what cmd cannot carry is refused, never passed on changed, and nothing
   in an argument ever becomes a command (that is what BatBadBut, CVE-2024-24576, was about).
"""

import re
from collections.abc import Sequence

from commands.language.errors import Refused

LONGEST = 32_766
"""CreateProcess takes 32,767 UTF-16 units with the NUL at the end."""
LONGEST_BATCH = 8_000
"""cmd.exe takes 8,191, after it has put in the variables."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:\\@+#$*?-]+\Z")
_NOT_IN_BATCH = re.compile(r'["%\r\n\0]')
_NAMES = {'"': 'a "', "%": "a %", "\r": "a line end", "\n": "a line end", "\0": "a NUL"}


def for_program(words: Sequence[str]) -> str:
    """One command line; the first word is the program's own name."""
    for number, word in enumerate(words):
        if "\0" in word:
            raise Refused(f"argument {number} holds a NUL, which no argument can")
    line = " ".join([f'"{words[0]}"', *map(_quoted, words[1:])])
    return _bounded(line, LONGEST, "Windows takes")


def for_batch(shell: str, script: str, arguments: Sequence[str]) -> str:
    """The line that has cmd.exe run a batch file: no AutoRun, no delayed expansion, /s so that
    exactly the outer two quotes are taken away.

    Between quotes cmd takes everything as it is, but for what `_NOT_IN_BATCH` names: a quote ends
    the quoting, and between two `%` stands a variable, wherever on the line they are.
    """
    for number, word in enumerate(arguments, 1):
        if bad := _NOT_IN_BATCH.search(word):
            raise Refused(
                f"argument {number} holds {_NAMES.get(bad[0], bad[0])}, which cmd.exe cannot "
                "carry to a batch file as it is; give it in a file, or make the script a .ps1"
            )
    if "%" in script:
        raise Refused("the session's folder has a % in its path, which cmd.exe cannot carry")
    words = [word if _PLAIN.match(word) else f'"{word}"' for word in arguments]
    inner = " ".join([f'"{script}"', *words])
    line = f'"{shell}" /d /e:on /v:off /s /c "{inner}"'
    return _bounded(line, LONGEST_BATCH, "cmd.exe takes")


def for_shell(shell: str, line: bytes | None, *options: str) -> str:
    """cmd.exe for a person: with one line of theirs, just as it is, or with `options` to read
    lines. No AutoRun: what an intruder put there would run as the shim."""
    if line is None:
        return for_program([shell, "/d", *options])
    text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if "\r" in text or "\n" in text:  # it would run the first line alone, and say nothing
        raise Refused("cmd.exe runs one line; join several with &, or give them to shell as input")
    return _bounded(f'"{shell}" /d /s /c "{text}"', LONGEST_BATCH, "cmd.exe takes")


def _quoted(word: str) -> str:
    if _PLAIN.match(word):
        return word
    # Backslashes count only before a quote: there each is doubled, and the quote gets one more.
    inner = re.sub(r'(\\*)"', r"\1\1\\" + '"', word)
    return '"' + re.sub(r"(\\+)\Z", r"\1\1", inner) + '"'


def _bounded(line: str, most: int, who: str) -> str:
    size = len(line.encode("utf-16-le", "surrogatepass")) // 2
    if size > most:
        raise Refused(
            f"the command line is {size:,} characters, {who} at most {most:,}; give long "
            "arguments in a file"
        )
    return line
