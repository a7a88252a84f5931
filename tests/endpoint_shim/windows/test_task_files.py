"""Scheduled tasks by their files: no language, every way to sign in, and files that are damaged."""

import pytest

from commands.language.names import Name
from endpoint_shim.windows.task_files import task_of

TASK = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
 <RegistrationInfo><Author>DOM\\x</Author><Description>does</Description></RegistrationInfo>
 <Triggers><CalendarTrigger><StartBoundary>2026-11-26T08:00:00</StartBoundary>
 <ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay></CalendarTrigger><BootTrigger/></Triggers>
 <Principals><Principal id="A"><UserId>{user}</UserId><LogonType>{logon}</LogonType>
 <RunLevel>HighestAvailable</RunLevel></Principal></Principals>
 <Settings><Enabled>{enabled}</Enabled><Hidden>true</Hidden></Settings>
 <Actions><Exec><Command>cmd.exe</Command><Arguments>/c "a b"</Arguments>
 <WorkingDirectory>C:\\w</WorkingDirectory></Exec>
 <ComHandler><ClassId>{{1}}</ClassId></ComHandler></Actions>
</Task>"""


def data(logon: str = "S4U", user: str = "S-1-5-18", enabled: str = "true") -> bytes:
    text = TASK.format(user=user, logon=logon, enabled=enabled)
    return b"\xff\xfe" + text.encode("utf-16-le")


@pytest.mark.parametrize(
    "logon", ["InteractiveToken", "Password", "S4U", "InteractiveTokenOrPassword", "Group"]
)
def test_every_way_to_sign_in_is_said_as_it_stands(logon: str) -> None:
    row = task_of(Name("\\x"), data(logon))
    assert (row.logon_type, row.principal, row.run_level) == (logon, "S-1-5-18", "HighestAvailable")
    assert (row.author, row.description, row.error) == ("DOM\\x", "does", "")


def test_actions_and_triggers_are_told_whole() -> None:
    row = task_of(Name("\\x"), data(enabled="false"))
    assert row.actions == 'cmd.exe /c "a b" (in C:\\w); ComHandler ClassId={1}'
    assert row.triggers == (
        "CalendarTrigger StartBoundary=2026-11-26T08:00:00 DaysInterval=1; BootTrigger"
    )
    assert (row.enabled, row.hidden) == (False, True)


@pytest.mark.parametrize(
    "spoiled",
    [
        b"",
        b"\xff\xfe",
        data()[:300],
        b"<Task>",
        b"\0" * 50,
        b'<?xml version="1.0" encoding="x"?><T/>',
    ],
)
def test_a_damaged_file_is_a_row_that_says_so(spoiled: bytes) -> None:
    assert task_of(Name("\\x"), spoiled).error.startswith("its file is no task: ")


def test_entities_do_not_become_gigabytes() -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE T [<!ENTITY e0 "lol">{levels}]><Task>&e11;</Task>'
    assert "no task" in task_of(Name("\\x"), bomb.encode()).error
