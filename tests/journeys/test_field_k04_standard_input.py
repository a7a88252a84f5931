"""Field reports k04: scripts that ask, and scripts that say nothing."""

from tests.journeys.field import Field


def test_prompt_unzip_a_question_meets_the_end_of_input_at_once(field: Field) -> None:
    body = "read -r -p 'replace? ' a || { echo no answer; exit 5; }\necho got $a\n"
    ran = field.script("asks.sh", body)
    assert (ran.status, ran.out) == (1, "no answer\n") and "exit code 5" in ran.err


def test_prompt_unzip_lines_of_a_session_are_never_a_script_s_answer(field: Field) -> None:
    field.add("asks2.sh", "read -r a && echo got $a || echo no answer\n")
    ran = field.lines("run asks2.sh\npwd\n")
    assert ran.out.splitlines()[0] == "no answer" and "got" not in ran.out


def test_mixed_streams_the_files_that_a_silent_script_wrote_are_named(field: Field) -> None:
    ran = field.script("silent.sh", "exec >report.txt 2>&1\necho x\n")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith("files it wrote in ") and ran.err.endswith(": report.txt 2 bytes\n")


def test_mixed_streams_a_terminal_says_what_it_waits_for(field: Field) -> None:
    field.add("quiet.sh", "exec >report.txt 2>&1\nsleep 2\n")
    with field.screen() as screen:
        screen.until(r">$")
        screen.enter("run quiet.sh")
        screen.until(r"waiting for web-01, 1\.\d s")
        screen.until(r"report.txt 0 bytes")
        screen.until(r">$")
        screen.enter("exit")
        assert screen.status() == 0
