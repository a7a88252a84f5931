"""Which places start what lies in them; the list is wide, and a path is judged by its letters."""

import pytest

from commands.language.names import Name
from server.live.start_up import starts


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/cron.d/x", "/etc/systemd/system/x.service", "/etc/ld.so.preload", "/root/x"),
        *("/usr/local/bin/x", "/home/a/.bashrc", "/home/a/.config/autostart/x", "/opt/x"),
        *("/tmp/../etc/x", "../etc/x", "//etc//x", "/var/spool/cron/x", "raw:/etc/%FF"),
    ],
)
def test_a_place_that_starts_files_on_linux(path: str) -> None:
    assert starts(Name("/tmp"), Name(path), "linux")


@pytest.mark.parametrize(
    "path", ["/tmp/x", "/home/a/x", "/srv/etc/x", "x", "/etcetera/x", "/var/www/x"]
)
def test_a_place_that_does_not_on_linux(path: str) -> None:
    assert not starts(Name("/tmp"), Name(path), "linux")


@pytest.mark.parametrize(
    "path",
    [
        r"C:\Windows\System32\x", r"c:/windows/x", r"C:\PROGRA~1\x", r"C:\Program Files\x",
        r"C:\Users\a\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup\x",
        r"C:\Users\..\Windows\x", r"C:\windows.\x", r"D:\ProgramData\x", r"..\Windows\x",
    ],
)  # fmt: skip
def test_a_place_that_starts_files_on_windows(path: str) -> None:
    assert starts(Name(r"C:\Users"), Name(path), "windows")


@pytest.mark.parametrize("path", [r"C:\Users\a\x", r"D:\x", "x", r"C:\temp\windows\x"])
def test_a_place_that_does_not_on_windows(path: str) -> None:
    assert not starts(Name(r"C:\Users"), Name(path), "windows")
