"""Field reports k07: every argument arrives byte for byte; nothing is expanded on the way."""

from pathlib import Path

import pytest

from tests.journeys.field import ARGUMENTS, Field, far, quoted


def test_transcript_a_json_object_is_one_argument(field: Field) -> None:
    field.add("args.sh", "for a; do printf '<%s>\\n' \"$a\"; done\n")
    ran = field.on("""run args.sh -arg '{"a":1}'""")
    assert (ran.status, ran.out, ran.err) == (0, '<{"a":1}>\n', "")
    assert field.on('run args.sh -arg {"a":1}').out == '<{"a":1}>\n'


def test_direct_params_both_spellings_reach_the_script_alike(field: Field) -> None:
    assert field.arguments("-sw 8") == ["-sw", "8"]
    assert field.arguments('-parameters "-sw 8"') == ["-sw", "8"]


@pytest.mark.parametrize(
    "value",
    [
        '{"File":"C:\\\\a b\\\\c.txt","Force":true}',
        'it\'s "both"',
        "",
        " ",
        "tab\there",
        "é 日本 🔥",
        "C:\\dir\\",
        "-timeout",
        "&",
        ">",
        "|",
        "x" * 30_000,
    ],
)
def test_json_arg_any_text_is_one_argument_to_the_byte(field: Field, value: str) -> None:
    assert field.arguments(f"-arg {quoted(value)} -arg last") == [value, "last"]


def test_exe_args_a_program_of_the_library_takes_arguments_too(field: Field) -> None:
    field.add("tool.exe", Path("/bin/echo").read_bytes())
    ran = field.on('run tool.exe -parameters "/a b"')
    assert (ran.status, ran.out) == (0, "/a b\n")


def test_noargs_none_are_none_and_any_other_text_is_passed(field: Field) -> None:
    assert field.arguments("") == []
    assert field.arguments("-parameters ''") == []
    assert field.arguments("--noargs") == ["--noargs"]
    assert field.arguments("-x:y -- -") == ["-x:y", "--", "-"]


def test_long_args_forty_thousand_characters_arrive_in_one_word_and_in_many(field: Field) -> None:
    assert field.arguments("x" * 40_000) == ["x" * 40_000]
    words = [f"word{n:04}x" for n in range(4000)]
    assert field.arguments(" ".join(words)) == words


def test_long_args_what_is_too_long_is_refused_before_the_start(
    field: Field, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    field.add("touches.sh", f"touch {touched}\n")
    ran = field.lines(f"run touches.sh {'x' * 70_000}\n")
    assert ran.status == 2 and "longer than 65536 bytes" in ran.err
    assert not touched.exists()


def test_backslashes_are_the_same_on_all_ways_in(field: Field, tmp_path: Path) -> None:
    name = r"C:\Foo\Dir\whatever.jpg"
    (tmp_path / name).write_bytes(b"picture\n")
    line = f"getfile {tmp_path}/{name} -auto"
    for ran in (field.on(line), field.lines(line + "\n")):
        assert ran.status == 0 and "whatever.jpg taken: 8 bytes" in ran.out
        assert f"fileinfo {tmp_path}/{name} ran first" in ran.err
    copied = field.client(
        "sftp", "-b", "-", "fireline", stdin=f'get "{far(tmp_path)}/{name}" {tmp_path}/got\n'
        .replace("\\", "\\\\"),
    )  # fmt: skip
    assert copied.status == 0, copied.err
    assert (tmp_path / "got").read_bytes() == b"picture\n"


@pytest.mark.parametrize("name", ["a  b .exe", " lead.txt", "trail.txt "])
def test_spaces_stay_in_one_name(field: Field, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "Program Files"
    folder.mkdir()
    (folder / name).write_bytes(name.encode())
    assert field.row(f'fileinfo "{folder}/{name}"')["path"] == f"{folder}/{name}"
    got = tmp_path / "got"
    copied = field.client("scp", f"fireline:{far(folder)}/{name}", str(got))
    assert copied.status == 0, copied.err
    assert got.read_bytes() == name.encode()


def test_bang_star_all_characters_arrive_as_typed(field: Field) -> None:
    typed = "-a files/logs/*,!files/logs/x.yaml -u 'https://h/p?a=1&b=2%3D' -p 'pw!!!'"
    want = ["-a", "files/logs/*,!files/logs/x.yaml", "-u", "https://h/p?a=1&b=2%3D", "-p", "pw!!!"]
    assert field.arguments(typed) == want
    assert field.arguments(f"-parameters {quoted(typed)}") == want
    odd = ["a;b&c|d!$e", "`id`", "$(id)", "%PATH%", "^caret", "~", "{a,b}", "$HOME", "#x"]
    assert field.arguments(" ".join(odd)) == odd


def test_empty_arg_and_a_trailing_backslash_are_kept(field: Field) -> None:
    want = ["", "C:\\dir\\", "last"]
    assert field.arguments('"" "C:\\dir\\" last') == want
    assert field.arguments('-parameters \'"" "C:\\dir\\" last\'') == want


def test_the_script_s_own_help_is_not_its_interpreter_s(field: Field) -> None:
    field.add("own.py", ARGUMENTS)
    assert (
        field.on("run own.py --help --version -c -").out == '["--help", "--version", "-c", "-"]\n'
    )
