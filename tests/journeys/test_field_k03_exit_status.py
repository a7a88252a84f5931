"""Field reports k03: an exit status that says the wrong thing."""

from pathlib import Path

from tests.journeys.field import Field


def test_error_exit0_is_shown_as_it_is(field: Field) -> None:
    ran = field.script("errorexit0.sh", "echo 'ERROR: must be root'\nexit 0\n")
    assert (ran.status, ran.out, ran.err) == (0, "ERROR: must be root\n", "")


def test_badoption_zero_is_no_more_than_the_tool_said(field: Field) -> None:
    body = 'case "$1" in --scan) echo "scanned 3";; *) echo "usage: scanner --scan";; esac\n'
    ran = field.script("scanner.sh", body, "--scna")
    assert (ran.status, ran.out) == (0, "usage: scanner --scan\n")


def test_text_on_stderr_with_exit_0_is_success(field: Field) -> None:
    ran = field.script("warns.sh", "echo result; echo odd >&2\n")
    assert (ran.status, ran.out, ran.err) == (0, "result\n", "odd\n")


def test_robocopy_a_code_that_the_manifest_does_not_name_fails_and_is_kept(field: Field) -> None:
    ran = field.script("exit3.sh", "echo copied; exit 3\n")
    assert (ran.status, ran.out) == (1, "copied\n")
    assert ran.err == "failed: exit3.sh v1 ended with exit code 3\n"
    assert '"exit_code":3' in field.on("run exit3.sh -output json").out
    assert field.house.of_kind("ended", field.session())[-1]["exit_code"] == 3


def test_robocopy_a_code_that_the_manifest_names_is_success_and_is_kept(
    field: Field, tmp_path: Path
) -> None:
    # The shipped triage names 3, nothing found, as an answer.
    ran = field.on(f"run persistence-triage.sh -d 0 -r {tmp_path} -output json")
    assert ran.status == 0 and '"exit_code":3' in ran.out


def test_a_signal_is_named(field: Field) -> None:
    ran = field.script("killed.sh", "kill -SEGV $$\n")
    assert ran.status == 1 and "killed.sh v1 ended with signal SIGSEGV" in ran.err
