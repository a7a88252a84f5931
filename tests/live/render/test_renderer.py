"""The screens of console.md, to the letter, and what a renderer holds back and gives."""

import json

from commands.language import items
from commands.language.errors import Failed, Unreachable
from commands.language.items import Into, Note, Progress, Taken, Written
from commands.language.line import parse
from commands.language.names import Name
from server.audit.records import FileTaken
from server.live.render import Renderer, Shown, Style
from tests.live.render.screens import (
    MEM_DMP,
    PIPE,
    RUNDLL,
    TERMINAL,
    WIDE,
    Clock,
    renderer,
    screen,
    shown,
)

DIR = r"""
path             is_directory           size  modified              hidden
C:\Temp\mem.dmp  no            2,414,227,776  2026-11-24 13:40:02Z  no
1 row, 0.1 s, #3. Not shown: created read_only compressed
"""
PROCESSES_80 = r"""
name           pid  user_name     creation_time         command_line
rundll32.exe  7960  CORP\svc-web  2026-11-24 10:58:23Z  rundll32.exe C:\Temp…
1 row, 0.2 s, #4. Cut: command_line. Not shown: parent_id status cpu
working_set private_bytes session_id path. Whole: status 4 -output list
"""
PROCESSES_120 = (
    "name           pid  parent_id  user_name     creation_time         command_line\n"
    "rundll32.exe  7960       4180  CORP\\svc-web  2026-11-24 10:58:23Z  "
    "rundll32.exe C:\\Temp\\1.dat,Start 203.0.113.9\n"
)
GETFILE = """
mem.dmp taken: 2,414,227,776 bytes, 26 s, same digest on web-02 and here, #6
sha256 3f0a9c1e5b7d2846aa10c3de9f4b6817250e8d9c7ab1f36452e0d8c99b7a4416
sftp   /evidence/S1044/mem.dmp
"""
RUN = r"""
C:\Temp\1.dat  2026-11-24 10:58:21Z
! Get-ChildItem : Access to the path 'C:\Temp\x' is denied.
failed: recent-exe.ps1 v3 ended with exit code 1, 2.4 s, #7; status 7 has both
"""
LISTED = r"""
name           rundll32.exe
pid            7960
parent_id      4180
user_name      CORP\svc-web
status         running
creation_time  2026-11-24 10:58:23Z
"""


def test_dir_is_the_screen_of_the_document() -> None:
    assert screen(r"dir C:\Temp", [MEM_DMP], number=3, took=0.1) == DIR[1:]


def test_processes_at_80_columns_is_the_screen_of_the_document() -> None:
    assert screen("processes -name rundll32.exe", [RUNDLL], number=4) == PROCESSES_80[1:]


def test_processes_at_120_columns_is_the_screen_of_the_document() -> None:
    text = screen("processes -name rundll32.exe", [RUNDLL], WIDE, number=4)
    assert text.startswith(PROCESSES_120)


def test_one_process_by_number_is_a_list() -> None:
    assert screen("processes 7960", [RUNDLL]).startswith(LISTED[1:])


def test_without_a_terminal_nothing_is_cut_and_nothing_is_said_beside() -> None:
    both = shown("processes", [RUNDLL], PIPE, number=4)
    titles, row = both.out.decode().splitlines()
    assert titles.split()[-2:] == ["path", "command_line"] and len(titles.split()) == 12
    assert row.endswith("203.0.113.9") and both.err == b""


def test_json_is_one_array_with_a_row_a_line() -> None:
    text = screen("processes -output json", [RUNDLL, RUNDLL])
    lines = text.splitlines()
    assert lines[0] == "[" and lines[-1] == "]" and len(lines) == 4
    rows = json.loads(text)
    assert rows[0]["pid"] == 7960 and rows[0]["creation_time"] == "2026-11-24T10:58:23.000Z"
    assert set(rows[0]) >= {"start_id", "arguments", "deleted", "error"}


def test_json_of_no_rows_is_an_empty_array() -> None:
    assert screen("processes -output json", []) == "[\n]\n"


def test_json_that_ends_early_is_closed_and_its_error_is_one_object() -> None:
    render = renderer("processes -output json", PIPE, number=1, device="lap-117")
    first = render.item(RUNDLL)
    last = render.end(Unreachable("lap-117 is offline"), 0.1, target="S1045#1")
    assert json.loads(first.out + last.out)[0]["pid"] == 7960
    assert last.err == (
        b'{"error":{"code":"unreachable","message":"lap-117 is offline","target":"S1045#1",'
        b'"device":"lap-117"}}\n'
    )


def test_getfile_says_taken_at_its_good_end_only() -> None:
    taken: list[items.Item] = [
        Into("file", Name(r"C:\Temp\mem.dmp"), size=3),
        b"abc",
        Taken(2_414_227_776, "3f0a9c1e5b7d2846aa10c3de9f4b6817250e8d9c7ab1f36452e0d8c99b7a4416"),
    ]
    render = renderer(r"getfile C:\Temp\mem.dmp", number=6)
    render.evidence = [FileTaken(name="mem.dmp", path=r"C:\Temp\mem.dmp", bytes=3, sha256="")]
    good = [*(render.item(item) for item in taken), render.end(None, 26.0)]
    assert b"".join(shown.out for shown in good).decode() == GETFILE[1:]
    render = renderer(r"getfile C:\Temp\mem.dmp", number=6)
    before = [render.item(item) for item in taken]
    end = render.end(Failed("the digests differ"), 26.0)
    assert before == [Shown()] * 3
    assert end.out == b"failed: the digests differ, 26 s, #6\n"


def test_putfile_names_the_whole_path_and_the_digest() -> None:
    text = screen("putfile a.sh", [Written(Name("/x/a.sh"), 12, "0" * 64)], number=2, took=0.4)
    assert text.startswith("/x/a.sh written: 12 bytes, 0.4 s, same digest on web-02 and here, #2\n")


def test_a_long_sentence_of_a_file_breaks_at_a_blank_and_what_is_copied_stays_whole() -> None:
    place = "/var/lib/fireline-endpoint/sessions/35fde1265ba5021e/triage.sh"
    lines = screen("putfile a.sh", [Written(Name(place), 12, "0" * 64)], number=2).splitlines()
    assert lines == [
        f"{place} written: 12",
        "bytes, 0.2 s, same digest on web-02 and here, #2",
        f"sha256 {'0' * 64}",
    ]


def test_putfile_of_what_is_there_already_says_so_and_no_more() -> None:
    there = Written(Name("/x/a.sh"), 12, "0" * 64, already=True)
    assert screen("putfile a.sh", [there], number=2, took=0.4) == (
        "/x/a.sh is there already, nothing was written: 12 bytes, 0.4 s, same digest on\n"
        "web-02 and here, #2\n"
        f"sha256 {'0' * 64}\n"
    )


def test_run_marks_stderr_and_names_where_both_are() -> None:
    render = renderer("run recent-exe.ps1", number=7)
    total = Shown()
    for item in (
        Into("stdout"),
        b"C:\\Temp\\1.dat  2026-11-24 10:58:21Z",
        Into("stderr"),
        b"Get-ChildItem : Access to the path 'C:\\Temp\\x' is denied.\n",
    ):
        total += render.item(item)
    total += render.end(Failed("recent-exe.ps1 v3 ended with exit code 1"), 2.4)
    assert total.out.decode() == RUN[1:] and total.err == b""


def test_in_a_pipe_stderr_goes_to_stderr_unmarked() -> None:
    both = shown("run x.sh", [Into("stdout"), b"out\n", Into("stderr"), b"err\n"], PIPE, number=1)
    assert both == Shown(b"out\n", b"err\n")


def test_rows_are_held_until_the_time_is_up_then_pass_at_once() -> None:
    clock = Clock()
    typed = parse("processes")
    render = Renderer(type(typed.command).spec, typed.options, TERMINAL, 1, clock=clock)
    assert render.item(RUNDLL) == Shown() and render.deadline == clock.now + 0.3
    assert render.tick() == Shown()
    clock.now += 0.3
    assert render.tick().out.count(b"\n") == 2 and render.deadline is None
    assert render.item(RUNDLL).out.count(b"\n") == 1


def test_two_hundred_rows_are_not_held_any_longer() -> None:
    render = renderer("processes")
    for _ in range(199):
        assert not render.item(RUNDLL)
    assert render.item(RUNDLL).out.count(b"\n") == 201


def test_titles_stand_again_when_they_left_the_window() -> None:
    text = screen("dir", [MEM_DMP] * 40)
    assert text.count("is_directory") == 2
    assert screen("dir", [MEM_DMP] * 5).count("is_directory") == 1


def test_notes_follow_the_table_and_in_a_pipe_go_to_stderr() -> None:
    found: list[items.Item] = [MEM_DMP, Note("left out: /proc")]
    assert screen("findfile mem.dmp", found).splitlines()[2] == "left out: /proc"
    both = shown("findfile mem.dmp", found, PIPE)
    assert both.err == b"left out: /proc\n" and b"left out" not in both.out


def test_notes_beside_json_are_json_too() -> None:
    both = shown("findfile mem.dmp -output json", [MEM_DMP, Note("left out: /proc")], PIPE)
    assert json.loads(both.err) == {"note": {"message": "left out: /proc"}}
    assert len(json.loads(both.out)) == 1


def test_a_flood_of_notes_is_counted_not_kept() -> None:
    text = screen("findfile x", [Note(f"no entry {i}") for i in range(5000)], number=3)
    assert "and 4,900 more notes; status 3 -output json has them all" in text
    assert text.count("no entry") == 100


def test_the_answer_of_a_word_at_the_desk_is_its_output() -> None:
    both = shown("cancel 12", [Note("cancelled: findfile had not started; nothing ran, #12")], PIPE)
    assert both == Shown(out=b"cancelled: findfile had not started; nothing ran, #12\n")


def test_an_action_that_has_no_rows_answers_with_its_sentence_alone() -> None:
    said = "x.sh deleted, 1 version; records keep their digests"
    assert screen("library delete x.sh", [Note(said)], number=2) == f"{said}\n"
    assert shown("library delete x.sh", [Note(said)], PIPE).out == f"{said}\n".encode()
    assert screen("library", [], number=2) == "0 rows, 0.2 s, #2\n"


def test_no_rows_say_so_on_a_terminal_and_nothing_in_a_pipe() -> None:
    assert screen("processes -name x", [], number=2) == "0 rows, 0.2 s, #2\n"
    assert shown("processes -name x", [], PIPE, number=2) == Shown()


def test_colour_makes_titles_bold_and_footers_dim_only_where_it_is_wanted() -> None:
    text = screen("dir", [MEM_DMP], Style(True, color=True), number=3)
    assert text.startswith("\x1b[1mpath ") and "\x1b[2m1 row" in text
    assert "\x1b" not in screen("dir", [MEM_DMP], Style(False, color=True))


def test_progress_is_one_line_that_fits() -> None:
    render = renderer(r"getfile C:\Temp\mem.dmp")
    render.item(Into("file", Name(r"C:\Temp\mem.dmp"), size=2_414_227_776))
    render.progress(Progress(0, 2_414_227_776, "mem.dmp"), 0.0)
    line = render.progress(Progress(920_000_000, 2_414_227_776, "mem.dmp"), 10.0)
    assert line == (
        "mem.dmp  38 %  0.92 of 2.41 GB  92 MB/s  16 s left   Ctrl-C stop, Ctrl-Z behind"
    )
    assert renderer("processes", PIPE).progress(None, 3.0) == ""
    assert "waiting for web-02, 3.0 s" in renderer("processes").progress(None, 3.0)


def test_a_folder_shows_where_one_is_now() -> None:
    assert screen("cd C:\\Temp", [items.Folder(Name("C:\\Temp"))]) == "C:\\Temp\n"
    assert shown("cd /x", [items.Folder(Name("/x"))], PIPE) == Shown(err=b"/x\n")
