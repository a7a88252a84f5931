"""Which exec is what."""

import pytest

from commands.language.command import discover
from commands.language.errors import NotUnderstood
from server.doors.asked import wants_json
from server.doors.batch import connects_to, refuse_foreign, shell_of

discover()


def test_connect_and_shell_are_told_from_other_lines() -> None:
    assert connects_to("connect web-01 -comment 'a b'") and connects_to("CONNECT web-01")
    assert not connects_to("connect") and not connects_to("devices") and not connects_to("conn'")
    assert (
        shell_of("shell web-01") == "web-01" and shell_of("Shell 'web-01' -comment x") == "web-01"
    )
    assert shell_of("shell") is None and shell_of("shell -comment x") is None


@pytest.mark.parametrize("line", ["devices", "on web-01 run scp.sh", "help", "getfle x", ""])
def test_words_of_ours_and_misspelt_ones_are_for_the_parser(line: str) -> None:
    refuse_foreign(line)


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("rsync --server .", "sftp and scp"),
        ("/bin/sh -c 'x'", "RemoteCommand=none"),
        ("env TERMINFO=/x kitty", "ssh integration"),
        ("mosh-server new", "use ssh"),
        ("\\\\x\\y", "RemoteCommand=none"),
    ],
)
def test_what_a_tool_sends_is_refused_with_the_setting_that_stops_it(
    line: str, setting: str
) -> None:
    with pytest.raises(NotUnderstood, match="is no command here") as refused:
        refuse_foreign(line)
    assert setting in str(refused.value) and "\n" not in str(refused.value)


def test_a_line_that_does_not_parse_may_still_ask_for_json() -> None:
    assert wants_json("getfle x -output json") and wants_json("x -OUTPUT JSON")
    assert wants_json("processes -nme x json") and not wants_json("json x")
    assert not wants_json("x -output csv json")
