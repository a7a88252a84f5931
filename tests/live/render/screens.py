"""Rows and a renderer for them, as the tests of this folder use them."""

import datetime
from collections.abc import Iterable

from commands.language.command import discover
from commands.language.host.files import FileRow
from commands.language.host.processes import ProcessRow
from commands.language.items import Item, Time
from commands.language.line import parse
from commands.language.names import Name
from server.live.render import Renderer, Shown, Style

discover()
TERMINAL = Style(terminal=True, columns=80)
WIDE = Style(terminal=True, columns=120)
PIPE = Style(terminal=False)


def at(text: str) -> Time:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    return Time(int(moment.timestamp() * 1000))


RUNDLL = ProcessRow(
    name=Name("rundll32.exe"),
    pid=7960,
    parent_id=4180,
    user_name="CORP\\svc-web",
    status="running",
    creation_time=at("2026-11-24 10:58:23"),
    cpu=1.25,
    working_set=10_485_760,
    private_bytes=4_194_304,
    session_id=0,
    path=Name("C:\\Windows\\System32\\rundll32.exe"),
    command_line=Name("rundll32.exe C:\\Temp\\1.dat,Start 203.0.113.9"),
)
MEM_DMP = FileRow(
    path=Name("C:\\Temp\\mem.dmp"),
    is_directory=False,
    size=2_414_227_776,
    created=at("2026-11-24 13:39:30"),
    modified=at("2026-11-24 13:40:02"),
    hidden=False,
    read_only=False,
    compressed=False,
)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def renderer(
    line: str, style: Style = TERMINAL, number: int | None = None, device: str = "web-02"
) -> Renderer:
    typed = parse(line)
    return Renderer.of(typed.command, typed.options, style, number, device, session="S1044")


def shown(
    line: str,
    items: Iterable[Item],
    style: Style = TERMINAL,
    number: int | None = None,
    took: float = 0.2,
) -> Shown:
    """Everything that a command which ended well shows."""
    render = renderer(line, style, number)
    total = Shown()
    for item in items:
        total += render.item(item)
    return total + render.end(None, took)


def screen(
    line: str,
    items: Iterable[Item],
    style: Style = TERMINAL,
    number: int | None = None,
    took: float = 0.2,
) -> str:
    """The same as a person at a terminal sees it."""
    both = shown(line, items, style, number, took)
    return (both.out + both.err).decode()
