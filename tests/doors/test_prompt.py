"""The prompt's text, and a long line as it is drawn."""

from prompt_toolkit.document import Document
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import TransformationInput

from server.doors.long_line import LONGEST, LongLine
from server.doors.prompt import prompt_text


def text(device: str | None, words: list[str], folder: str, columns: int = 80) -> str:
    parts = prompt_text(device, words, folder, columns, color=False, marks=False)
    return "".join(part[1] for part in parts)


def test_it_is_name_flags_and_folder() -> None:
    assert text(None, [], "") == "fireline> "
    assert text("web-02", [], "C:\\") == "web-02 C:\\> "
    assert text("web-02", ["lost", "2 jobs"], "/root") == "web-02 [lost, 2 jobs] /root> "


def test_a_long_folder_loses_its_front_so_that_40_columns_stay_free() -> None:
    folder = "C:\\Users\\alice\\AppData\\Local\\Temp\\a-rather-long-name\\deep\\down"
    shown = text("web-02", [], folder)
    assert shown.startswith("web-02 …\\") and shown.endswith("\\down> ")
    assert len(shown) <= 40


def test_marks_take_no_room_and_colour_says_nothing_alone() -> None:
    parts = prompt_text("web-02", ["lost"], "/", 80, color=True, marks=True)
    assert ("[ZeroWidthEscape]", "\x1b]133;B\x07") in parts
    assert "[lost]" in "".join(part[1] for part in parts)


def test_of_a_long_line_the_part_around_the_cursor_is_drawn_and_the_cursor_stays_in_it() -> None:
    line = "x" * 60_000
    for cursor in (0, 30_000, 60_000):
        given = TransformationInput(
            BufferControl(), Document(line, cursor), 0, lambda i: i, [("", line)], 80, 24
        )
        drawn = LongLine().apply_transformation(given)
        shown = "".join(part[1] for part in drawn.fragments)
        at = drawn.source_to_display(cursor)
        assert len(shown) <= LONGEST + 2
        assert 0 <= at <= len(shown)
        assert drawn.display_to_source(at) == cursor
