"""The line grammar: mission.md section 3, Defender's documented lines, field kind k07."""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from commands.language.command import Command, decode, discover
from commands.language.errors import NotUnderstood
from commands.language.line import MAX_LINE, Options, nearest, parse, quoted, split, usage

discover()
MANY = settings(max_examples=10_000, deadline=None)
ODD = st.text(alphabet=" \t'\"\\&>|-aA1:=/.é\u202e\x1b*,{}")
PIECES = st.sampled_from(
    ["-", "-name", "-pid", "7", "json", "-output", "&", ">", "|", "-arg", "list", "abc"]
)


def texts(line: str) -> list[str]:
    return [word.text for word in split(line)]


def value(line: str) -> dict[str, object]:
    """The command's fields that are not at their default."""
    fields = msgspec.json.decode(msgspec.json.encode(parse(line).command))
    defaults = {f.name: f.default for f in msgspec.structs.fields(type(parse(line).command))}
    plain = {k: list(d) if isinstance(d, tuple) else d for k, d in defaults.items()}
    return {k: v for k, v in fields.items() if k == "word" or v != plain[k]}


@pytest.mark.slow
@pytest.mark.timeout(300)  # 10,000 are 17 s of processor
@MANY
@given(
    st.sampled_from(sorted(discover())),
    st.lists(st.one_of(ODD, st.text(), PIECES), max_size=5),
    st.sampled_from([" ", "  ", "\t", " \t"]),
)
@example("dir", ['it\'s "both"', "", "\\", "&"], " ")
def test_any_line_is_read_back_or_refused_by_name_and_survives_the_wire(
    command: str, words: list[str], blank: str
) -> None:
    quoted_words_are_read_back(words, blank)
    understood_or_refused(blank.join(words))
    understood_or_refused(blank.join([command, *words]))


def quoted_words_are_read_back(words: list[str], blank: str) -> None:
    line = blank.join(map(quoted, words))
    if len(line.encode("utf-8", "surrogatepass")) <= MAX_LINE:
        assert texts(line) == words


def understood_or_refused(line: str) -> None:
    try:
        parts = split(line)
    except NotUnderstood:
        parts = []
    assert all(line[p.start : p.end] and p.start < p.end for p in parts)
    try:
        typed = parse(line)
    except NotUnderstood as error:
        assert str(error) and "\x1b" not in str(error) and "\n" not in str(error)
    else:
        assert isinstance(typed.command, Command)
        assert decode(msgspec.json.encode(typed.command)) == typed.command


def test_a_backslash_before_a_closing_quote_is_kept() -> None:
    assert texts(r'"C:\dir\" last') == ["C:\\dir\\", "last"]
    assert texts("C:\\Users\\alice\\") == ["C:\\Users\\alice\\"]


def test_a_quote_inside_a_word_is_itself() -> None:
    assert texts(r"C:\Users\O'Brien\x") == [r"C:\Users\O'Brien\x"]
    assert texts('-arg {"a":1}') == ["-arg", '{"a":1}']


def test_parts_that_touch_make_one_word() -> None:
    assert texts("""'it'"'"'s'""") == ["it's"]
    assert texts("""'a'b"c" 'd'""") == ["""ab"c\"""", "d"]


def test_an_unpaired_quote_names_its_column() -> None:
    with pytest.raises(NotUnderstood, match="the quote at column 5 is not closed"):
        split("dir 'x")
    assert [w.text for w in split("dir 'x y", unfinished=True)] == ["dir", "x y"]


def test_marks_count_only_unquoted_and_alone() -> None:
    assert parse("run x.sh a&b '&'").options == Options()
    assert value("run x.sh a&b '&' '>' \"|\"")["args"] == ["a&b", "&", ">", "|"]
    assert parse("run x.sh & ").options.background
    assert value("run x.sh a & b")["args"] == ["a", "&", "b"]


def test_a_secret_does_not_go_into_the_evidence() -> None:
    with pytest.raises(
        NotUnderstood, match="token gives a secret, which is no evidence; type no >"
    ):
        parse("token new > t.txt")
    with pytest.raises(NotUnderstood, match="token does not run behind"):
        parse("token new &")
    assert parse("status 1 > t.txt").options.keep == "t.txt"


def test_a_line_is_at_most_64_kib() -> None:
    assert split("a" * MAX_LINE)
    with pytest.raises(NotUnderstood, match="longer than 65536 bytes"):
        split("é" * (MAX_LINE // 2) + "a")


@pytest.mark.parametrize(
    ("line", "expected", "options"),
    [
        ("dir -full_path", {"word": "dir", "full_path": True}, Options()),
        ("connections json", {"word": "connections"}, Options(output="json")),
        ("processes -pid 123", {"word": "processes", "pid": 123}, Options()),
        (
            'getfile "C:\\windows\\some_file.exe" &',
            {"word": "getfile", "path": "C:\\windows\\some_file.exe"},
            Options(background=True),
        ),
        (
            "download C:\\x.txt &",
            {"word": "getfile", "path": "C:\\x.txt"},
            Options(background=True),
        ),
        (
            "putfile x.ps1 -overwrite",
            {"word": "putfile", "name": "x.ps1", "overwrite": True},
            Options(),
        ),
        (
            'run x.ps1 -parameters "-processName Registry"',
            {"word": "run", "script": "x.ps1", "args": ["-processName", "Registry"]},
            Options(),
        ),
        (
            "library delete x.ps1",
            {"word": "library", "action": "delete", "name": "x.ps1"},
            Options(),
        ),
        ("fg 12", {"word": "fg", "number": 12}, Options()),
        ("processes > output.txt", {"word": "processes"}, Options(keep="output.txt")),
        (
            "getfile C:\\x.txt - auto",
            {"word": "getfile", "path": "C:\\x.txt", "auto": True},
            Options(),
        ),
        ("LS C:\\", {"word": "dir", "path": "C:\\"}, Options()),
        ("fileinfo -path /etc/passwd", {"word": "fileinfo", "path": "/etc/passwd"}, Options()),
    ],
)
def test_documented_lines_of_defender_are_understood(
    line: str, expected: dict[str, object], options: Options
) -> None:
    assert value(line) == expected
    assert parse(line).options == options


@pytest.mark.parametrize(
    ("line", "args"),
    [
        ("run x.ps1 -sw 8", ["-sw", "8"]),
        ('run x.ps1 -parameters "-sw 8"', ["-sw", "8"]),
        ("""run x -arg '{"File":"C:\\a b\\c.txt"}'""", ['{"File":"C:\\a b\\c.txt"}']),
        ("""run x -arg '{"q":"it'"'"'s"}'""", ['{"q":"it\'s"}']),
        ('run tool.exe -parameters "/a b"', ["/a", "b"]),
        ("run x", []),
        ("run x -parameters ''", []),
        ("run x --noargs", ["--noargs"]),
        (
            "run x -parameters \"-a files/logs/*,!files/logs/x.yaml -u 'https://h/p?a=1&b=2%3D' "
            "-p 'pw!!!'\"",
            [
                "-a",
                "files/logs/*,!files/logs/x.yaml",
                "-u",
                "https://h/p?a=1&b=2%3D",
                "-p",
                "pw!!!",
            ],
        ),
        ("""run x -parameters '"" "C:\\dir\\" last'""", ["", "C:\\dir\\", "last"]),
        ("""run x -parameters '-q "a;b&c|d!$e"'""", ["-q", "a;b&c|d!$e"]),
        ("run x a -arg -timeout b -arg '' c", ["a", "-timeout", "b", "", "c"]),
        (f"run x -arg {'y' * 30_000}", ["y" * 30_000]),
    ],
)
def test_arguments_of_a_script_arrive_as_typed(line: str, args: list[str]) -> None:
    assert value(line).get("args", []) == args


def test_names_of_run_after_the_script_are_runs_own() -> None:
    typed = value("run x.sh -timeout 5 -leave -z")
    assert (typed["timeout"], typed["leave"], typed["args"]) == (5.0, True, ["-z"])


def test_backslashes_and_double_blanks_of_a_path_are_kept() -> None:
    assert value(r"getfile C:\Foo\Dir\whatever.jpg")["path"] == r"C:\Foo\Dir\whatever.jpg"
    assert value(r'getfile "C:\Program Files\a  b .exe "')["path"] == r"C:\Program Files\a  b .exe "


def test_a_value_may_begin_with_a_dash_and_a_quoted_dash_is_no_flag() -> None:
    assert value("cat '-rf'")["path"] == "-rf"
    assert value("cat -path -rf")["path"] == "-rf"
    assert value("cat -")["path"] == "-"


def test_the_bare_format_counts_only_where_no_parameter_is_left_for_it() -> None:
    assert value("dir json")["path"] == "json"
    assert parse("dir C:\\ json").options.output == "json"
    assert parse("processes json").options.output == "json"
    assert value("run x.sh json")["args"] == ["json"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("getfle C:\\Temp\\1.dat", "getfle is no command; nearest: getfile"),
        ("xyzzy", "xyzzy is no command; help shows what there is"),
        ("processes -nme x", "processes has no -nme; nearest: -name; processes [PID] [NAME]"),
        ("getfile", "getfile needs PATH; getfile PATH [-recall] [-auto]"),
        ("cat a b", "cat takes no b here"),
        ("fg --5", "fg has no --5"),
        ("fg x", "number takes a whole number, not x"),
        ("processes -pid --5", "pid takes a whole number, not --5"),
        ("run x -timeout nan", "timeout takes a number, not nan"),
        ("run x -timeout", "-timeout needs a value"),
        ("library remove x", "action is one of list, show, log, add, delete, not remove"),
        ("processes -output xml", "-output is one of table, list, json, csv, not xml"),
        ("processes -pid 1 -pid 2", "pid is given twice"),
        ("processes | where pid = 4", "filters after | are not in this version"),
        ("processes > a b", "> takes one NAME, as the last words of the line"),
        ("processes > ../x", "> takes a plain file name, not ../x"),
        ("processes > ..", "> takes a plain file name, not .."),
        ("dir a\0b", "the line has a NUL at column 6"),
        ("dir a\udcff", "the line has bytes that are no UTF-8 at column 6"),
        ("dir raw:%zz", "% needs two hex digits"),
        ("", "the line is empty"),
        ("x\x1b[2J", r"x\\x1b\[2J is no command"),
    ],
)
def test_what_is_not_understood_says_why_and_what_to_type(line: str, message: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse(line)
    assert message.replace("\\\\", "\\").replace("\\[", "[") in str(refused.value)


def test_the_line_of_on_is_taken_as_typed() -> None:
    typed = parse("on -comment 'INC 1' web-01 run x -arg 'a  b' > out.txt &")
    assert value("on web-01 run x -arg 'a  b' > o &")["line"] == "run x -arg 'a  b' > o &"
    assert typed.options == Options(comment="INC 1")


def test_a_nearest_word_is_offered_only_within_a_third_of_its_length() -> None:
    assert nearest("dri", ["dir", "drivers"]) is None
    assert nearest("proceses", ["processes"]) == "processes"
    assert nearest("", ["dir"]) is None


def test_usage_shows_every_form() -> None:
    assert usage(discover()["getfile"].spec) == "getfile PATH [-recall] [-auto]"
    assert usage(discover()["on"].spec) == "on SELECTOR LINE... [-stage STAGE] [-stop STOP]"
    assert usage(discover()["cat"].spec) == "cat PATH [-head HEAD] [-tail TAIL]"
