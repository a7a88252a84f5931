"""A command line is read back as the arguments that were given; cmd.exe is given no more."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.language.errors import Refused
from endpoint_shim.windows import quoting

WORDS = st.lists(st.text(st.sampled_from('ab \t\\"%&^!é日\n'), max_size=12), max_size=6)
CMD = "C:\\Windows\\System32\\cmd.exe"


def split(line: str) -> list[str]:
    """As the C library splits a command line (its documentation, "Parsing C command-line
    arguments"), the program's name apart."""
    _, rest = line[1:].split('"', 1)
    words, at = [], 0
    while at < len(rest):
        while at < len(rest) and rest[at] in " \t":
            at += 1
        if at == len(rest):
            break
        word, quoted = "", False
        while at < len(rest) and (quoted or rest[at] not in " \t"):
            run = re.compile(r"\\*").match(rest, at)
            assert run is not None
            slashes, at = len(run[0]), run.end()
            if rest[at : at + 1] != '"':
                word += "\\" * slashes
                if at < len(rest) and (quoted or rest[at] not in " \t"):
                    word, at = word + rest[at], at + 1
                continue
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            at += 1
        words.append(word)
    return words


@given(WORDS)
def test_every_program_reads_back_what_was_given(words: list[str]) -> None:
    assert split(quoting.for_program(["C:\\a b\\x.exe", *words])) == words


def test_plain_words_stand_as_they_are_and_backslashes_before_a_quote_are_doubled() -> None:
    line = quoting.for_program(["x", "-sw", "C:\\dir\\", "a b\\", 'q"', ""])
    assert line == '"x" -sw C:\\dir\\ "a b\\\\" "q\\"" ""'


def test_a_nul_and_a_line_over_the_systems_length_are_refused() -> None:
    with pytest.raises(Refused, match="argument 1 holds a NUL"):
        quoting.for_program(["x", "a\0"])
    with pytest.raises(Refused, match="40,004 characters, Windows takes at most 32,766"):
        quoting.for_program(["x", "y" * 40_000])


def test_cmd_gets_every_special_character_between_quotes() -> None:
    line = quoting.for_batch(CMD, "C:\\s\\x y.cmd", ["-a", "a&b|c", "^!;", "", "C:\\d\\"])
    assert line == (f'"{CMD}" /d /e:on /v:off /s /c ""C:\\s\\x y.cmd" -a "a&b|c" "^!;" "" C:\\d\\"')


@given(st.lists(st.text(st.sampled_from('a &|<>^!()"%\r\n\0,;='), max_size=8), max_size=4))
def test_nothing_of_an_argument_stands_outside_of_quotes_but_plain_characters(
    words: list[str],
) -> None:
    try:
        line = quoting.for_batch(CMD, "C:\\s\\x.cmd", words)
    except Refused:
        assert any(c in word for word in words for c in '"%\r\n\0')
        return
    inner = line.removeprefix(f'"{CMD}" /d /e:on /v:off /s /c "').removesuffix('"')
    outside = "".join(inner.split('"')[::2])
    assert re.fullmatch(r"[a ]*", outside)
    assert not re.search(r'["%\r\n\0]', "".join(words))


@pytest.mark.parametrize(
    ("word", "named"), [('{"a":1}', 'a "'), ("50%", "a %"), ("a\nb", "a line end"), ("\0", "a NUL")]
)
def test_what_cmd_cannot_carry_is_refused_with_a_way_out(word: str, named: str) -> None:
    with pytest.raises(Refused, match=f"argument 2 holds {named}, .* give it in a file"):
        quoting.for_batch(CMD, "C:\\s\\x.cmd", ["x", word])


def test_cmds_own_shorter_limit_is_named() -> None:
    with pytest.raises(Refused, match="cmd.exe takes at most 8,000"):
        quoting.for_batch(CMD, "C:\\s\\x.cmd", ["y" * 8000])


def test_a_persons_own_line_is_given_to_the_shell_as_it_is() -> None:
    assert quoting.for_shell(CMD, b'dir "C:\\a b" & echo %x%') == (
        f'"{CMD}" /d /s /c "dir "C:\\a b" & echo %x%"'
    )
    assert quoting.for_shell(CMD, None, "/q") == f'"{CMD}" /d /q'
