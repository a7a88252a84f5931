"""Tables that stream: fixed widths, a whole identity, hostile text that stays in its cell."""

from commands.language.desk.devices import DeviceRow
from commands.language.host.files import FileRow
from commands.language.items import Row
from commands.language.names import Name
from server.live.render import Style
from server.live.render.table import HELD_CHARACTERS, Table
from tests.live.render.screens import MEM_DMP, PIPE, RUNDLL, TERMINAL, screen, shown


def file(path: str) -> FileRow:
    return FileRow(path=Name(path), is_directory=False)


def text(style: Style, rows: list[Row]) -> str:
    table = Table(style)
    return "".join([*map(table.add, rows), table.end()])


def test_a_later_row_with_a_longer_path_is_whole() -> None:
    table = Table(TERMINAL)
    table.add(file("/a"))
    table.fix()
    assert "/a/much/longer/path" in table.add(file("/a/much/longer/path"))


def test_a_later_row_that_is_wider_takes_the_room_of_the_text_that_is_cut() -> None:
    table = Table(TERMINAL)
    table.add(RUNDLL.__class__(name=Name("a"), pid=1, command_line=Name("x" * 100)))
    table.fix()

    def later(name: str) -> str:
        return table.add(RUNDLL.__class__(name=Name(name), pid=7, command_line=Name("x" * 100)))

    line = later("a-longer-name")
    assert "a-longer-name" in line and "xxx…" in line and len(line.rstrip()) <= TERMINAL.width
    assert "x" not in later("y" * 200)  # the identity is never cut, whatever is left


def test_who_is_isolated_and_in_use_is_seen_on_eighty_columns_before_the_whole_platform() -> None:
    platform = "Debian GNU/Linux 12 (bookworm), kernel 6.12.0-13-amd64"
    row = DeviceRow("web-01", platform, tags="web prod", isolated=True, sessions="S1042 alice")
    titles, line = text(TERMINAL, [row]).splitlines()
    assert titles.split() == [
        "name", "platform", "tags", "online", "isolated", "restricted", "sessions",
    ]  # fmt: skip
    assert line.split()[:2] == ["web-01", "Debian"] and line.endswith("S1042 alice")
    assert len(line) <= TERMINAL.width


def test_much_text_is_not_held_for_two_hundred_rows() -> None:
    table = Table(TERMINAL)
    assert table.add(file("/" + "x" * HELD_CHARACTERS)) and not table.holding


def test_every_row_is_one_line_whatever_its_name() -> None:
    hostile = ["a\nb", "x\x1b[2J", "y\x1b]0;owned\x07.txt", "\u202efdp.exe", "日本", "z \u2028"]
    lines = text(PIPE, [file(name) for name in hostile]).splitlines()
    assert len(lines) == len(hostile) + 1
    assert not any(c in line for line in lines for c in "\x1b\x07\u202e\u2028\r")


def test_columns_stand_under_each_other_by_display_width() -> None:
    lines = text(PIPE, [file("日本"), file("ab")]).splitlines()
    assert lines[1].startswith("日本  no") and lines[2].startswith("ab    no")


def test_a_command_line_of_131_000_bytes_is_cut_with_a_mark_and_whole_in_json() -> None:
    row = RUNDLL.__class__(name=Name("x"), pid=1, command_line=Name("y" * 131_000))
    lines = screen("processes", [row], number=1).splitlines()
    assert lines[1].endswith("…") and max(map(len, lines)) <= 79
    assert "Cut: command_line" in " ".join(lines)
    assert "y" * 131_000 in screen("processes -output json", [row])


def test_without_a_terminal_a_wide_line_is_neither_wrapped_nor_cut() -> None:
    row = RUNDLL.__class__(name=Name("x"), pid=1, command_line=Name("y" * 5_000))
    assert shown("processes", [row], PIPE).out.count(b"\n") == 2


def test_narrow_and_empty_windows_do_not_break_it() -> None:
    for columns in (0, 1, 20, 65_535):
        assert "mem.dmp" in text(Style(True, columns, 0), [MEM_DMP])
