"""Text of a hostile device on a responder's screen: shown for what it is, never obeyed.

Each payload stands between marks of its own, so that its bytes are found in what a client got,
wherever they got there: in a table, a message, a prompt, a first screen or a notice. The rig is
trusted because the broker in `broken/`, broken on purpose, fails it.
"""

import asyncio
import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from commands.language.names import Name, raw_form
from commands.language.visible import visible
from tests.doors.rig import Ran
from tests.journeys.rig import House, until
from tests.journeys.screen import Screen
from tests.journeys.scripted import Scripted, Wire, client

pytestmark = [pytest.mark.needs("ssh", "ssh-keygen")]

BAD = "bad-01"
BROKEN = Path(__file__).parent / "broken"
TRIPS, SHOWS = BROKEN / "trips_on_goodbye.py", BROKEN / "shows_as_is.py"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
PAYLOADS = [
    "\x1b[2J\x1b[H", "\x1b[31m", "\x1bc", "\x1b[6n", "\x1b[?1049h", "\x1b[?1000h", "\x1b[8;5;5t",
    "\x1b[200~id\r", "\x1b]0;OWNED\x07", "\x1b]2;OWNED\x1b\\", "\x1b]52;c;SUQ=\x07",
    "\x1b]8;;http://x/\x1b\\", "\x1b]1337;File=:QQ==\x07", "\x1bP1$r0m\x1b\\", "\x1bPq#0\x1b\\",
    "\x1b_apc\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\", "\x1b(0", "\x1b#8", "\x1b%G", "\x1b7\x1b8",
    "\x07", "\x08\x08\x08", "over\rwritten", "two\nlines", "two\r\nlines", "\x0b\x0c", "\x0e\x0f",
    "\x00", "\x05", "\x11\x13", "\x7f", "\x84\x85", "\x9b31m", "\x90q\x9c", "\x9d0;OWNED\x9c",
    "\u2028\u2029", "\u202egnp.exe", "\u2066x\u2069", "\u200b\u200d", "\ufeff", "\u00ad",
    "\u061c", "\U000e0041", "\ufff9\ufffb", "\u3164", "\ufe0f",
]  # fmt: skip
MARKED = [f"<{number}{payload}{number}>" for number, payload in enumerate(PAYLOADS)]
FEW = [MARKED[at] for at in (0, 3, 8, 22, 24, 25, 34, 38)]
ALL = "".join(FEW)


def clean(text: str, also: str = "\n") -> None:
    """No character that a terminal obeys or that is not seen."""
    bad = {
        char for char in text.replace("\r\n", "\n") if unicodedata.category(char) in HIDDEN
    } - set(also)
    assert not bad, f"{bad} in {text[:400]!r}"


class Player:
    """A house with one scripted device; answers its commands as a test wants."""

    def __init__(self, house: House) -> None:
        self.house, self.device = house, Scripted(house, BAD)
        assert house.run("library add x.sh", stdin=b"#!/bin/sh\n").status == 0

    async def exec(self, line: str, *frames: Any, **hello: Any) -> Ran:
        """One exec to which the device says these frames."""
        async with self.device.online(**hello) as control:
            asked = client(self.house, f"on {BAD} {line}")
            async with self.device.asked(control) as stream:
                await stream.hears("start")
                await stream.say(*frames)
                return await asked

    async def console(
        self, play: Callable[[Screen], None], *answers: list[Any], line: str = "", **hello: Any
    ) -> Screen:
        """A real console at 200 columns; the device answers each command with the next frames."""
        async with self.device.online(**hello) as control:
            asked = asyncio.create_task(asyncio.to_thread(self._play, play, line))
            serving = asyncio.create_task(self._serve(control, list(answers)))
            await asyncio.wait({asked, serving}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            screen = await asked
            serving.cancel()
            await asyncio.wait({serving})
        return screen

    def _play(self, play: Callable[[Screen], None], line: str) -> Screen:
        command = [word for word in self.house.ssh(line, "-tt") if word]
        with Screen(command, columns=200, rows=60) as screen:
            play(screen)
        until("every session has ended", lambda: not self._open_sessions())
        return screen

    def _open_sessions(self) -> set[str]:
        sealed = {record["session"] for record in self.house.of_kind("session_sealed")}
        return set(self.house.sessions()) - sealed

    async def _serve(self, control: Wire, answers: list[list[Any]]) -> None:
        if not answers:
            return
        async with self.device.asked(control) as stream:
            for frames in answers:
                await stream.hears("start")
                await stream.say(*frames)
            await asyncio.Event().wait()


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    with House(tmp_path_factory.mktemp("text") / "house", LIMITS) as house:
        yield Player(house)


@pytest.fixture
def trusting(tmp_path: Path) -> Iterator[Player]:
    """Beside a broker that shows what comes as it comes."""
    with House(tmp_path / "house", LIMITS, program=[str(SHOWS)]) as house:
        yield Player(house)


def row(number: int, text: str) -> dict[str, Any]:
    return {
        "item": "row",
        "row": {
            "pid": number, "name": text, "user_name": text, "status": text, "path": text,
            "command_line": text, "error": text, "arguments": [text], "start_id": text,
        },
    }  # fmt: skip


# A session that is left open would ask the next test's device for its stream.
LIMITS = {"left_open_s": 0.01, "stream_dial_s": 2, "reserve_bytes": 1 << 20}
DONE = {"item": "done"}
FAILED = {"item": "done", "code": "failed", "message": ALL}
ROWS = [row(number, text) for number, text in enumerate(MARKED)]


def obeyed_nothing(screen: Screen, texts: list[str]) -> None:
    """Of no text the bytes reached the terminal, and every text is on the screen, written out."""
    for text in texts:
        assert text.encode() not in screen.raw, repr(text)
    assert b"OWNED\x07" not in screen.raw and "OWNED" not in screen.screen.title


@pytest.mark.parametrize("form", ["table", "list", "csv"])
async def test_no_row_of_an_exec_holds_what_a_terminal_obeys(player: Player, form: str) -> None:
    await rows_are_shown(player, form)


async def rows_are_shown(player: Player, form: str) -> None:
    ran = await player.exec(f"processes -output {form}", *ROWS, DONE)
    assert ran.status == 0, ran.err
    clean(ran.out)
    clean(ran.err)
    for text in MARKED:
        assert visible(text) in ran.out or form == "table", repr(text)


async def test_csv_cells_begin_no_formula(player: Player) -> None:
    cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    ran = await player.exec(
        "processes -output csv", *[row(n, cell) for n, cell in enumerate(cells)], DONE
    )
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(rows) == len(cells)
    assert not [r["name"] for r in rows if r["name"][:1] in ("=", "+", "-", "@", "\t", "\r")]


async def test_json_is_ascii_on_the_wire_and_exact_after_parsing(player: Player) -> None:
    ran = await player.exec("processes -output json", *ROWS, DONE)
    assert ran.out.isascii()
    clean(ran.out)
    assert [found["name"] for found in json.loads(ran.out)] == MARKED


@pytest.mark.parametrize("form", ["", "-output json"])
async def test_what_a_script_prints_is_shown_and_not_obeyed(player: Player, form: str) -> None:
    printed = "".join(f"{text}\n" for text in MARKED).encode() + b"\xff\xfe\xc3(\xf0\x9f \x9b1m\n"
    frames = [
        {"item": "into", "where": "stdout"}, printed, {"item": "into", "where": "stderr"}, printed,
        {**DONE, "exit_code": 0},
    ]  # fmt: skip
    ran = await player.exec(f"run x.sh {form}".strip(), *frames)
    assert ran.status == 0, ran.err
    clean(ran.out, "\n\t")
    clean(ran.err, "\n\t")
    if form == "-output json":
        assert ran.out.isascii()
    else:
        assert "\\x1b]0;OWNED\\x07" in ran.out and "\\xff\\xfe" in ran.out


@pytest.mark.parametrize(
    "frames",
    [
        [FAILED],
        [{"item": "note", "text": ALL}, FAILED],
        [{"item": "undoable", "line": ALL}, FAILED],
        [{"item": "progress", "done": 1, "total": 2, "what": ALL}, FAILED],
        [{"item": "folder", "path": ALL}, FAILED],
        [{"item": "written", "path": ALL, "size": 1, "sha256": "0" * 64}, DONE],
        [{"item": "done", "code": "refused", "message": ALL}],
        [{"item": "done", "code": ALL[:30], "message": ALL}],
        [{"item": ALL}],
        [{"item": "row", "row": {ALL: 1}}],
    ],
)
async def test_no_message_of_an_exec_holds_what_a_terminal_obeys(
    player: Player, frames: list[Any]
) -> None:
    ran = await player.exec("processes", *frames)
    clean(ran.out)
    clean(ran.err)


@pytest.mark.parametrize("name", FEW)
async def test_a_file_s_name_is_data_in_evidence_and_messages(player: Player, name: str) -> None:
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path = f"/tmp/../../{name}"
    ran = await player.exec(
        f"getfile {raw_form(Name(path))}",
        {"item": "into", "where": "file", "name": path, "size": 3},
        b"abc",
        {"item": "taken", "size": 3, "sha256": digest},
        DONE,
    )
    assert ran.status == 0, ran.err
    clean(ran.out)
    clean(ran.err)
    for folder in (player.house.home / "evidence").glob("S*"):
        for file in folder.iterdir():
            clean(file.name, "")


@pytest.mark.parametrize(
    "gone",
    [
        {"m": "gone", "how": "crashed", "message": ALL, "left": [ALL]},
        {"m": "gone", "how": "kernel", "message": ALL},
        {"m": "gone", "how": "never", "message": ALL},
    ],
)
async def test_what_a_supervisor_says_of_an_end_is_not_obeyed(
    player: Player, gone: dict[str, Any]
) -> None:
    async def answer(control: Wire) -> None:
        while True:  # the warm stream's end may come before the command asks for its own
            opening = await control.hears("open")
            await control.say({**gone, "stream": opening["stream"]})

    async with player.device.online() as control:
        answering = asyncio.create_task(answer(control))
        ran = await client(player.house, f"on {BAD} processes")
        answering.cancel()
        await asyncio.wait({answering})
    assert ran.status != 0
    clean(ran.out)
    clean(ran.err)
    assert visible(FEW[2]) in ran.err


def facts() -> dict[str, Any]:
    """A Hello in which everything that may be text is hostile."""
    short = "".join(FEW)[:250]
    return {
        "shim": short,
        "facts": {
            "platform": "linux", "system": short, "host": short, "architecture": short,
            "user": short, "weaker_stop": short,
        },
        "policy": {"deny": {short: 3, "shell": 4}, "off_limits": {ALL: 5}, "error": ALL},
    }  # fmt: skip


async def test_hello_and_policy_are_not_obeyed_in_exec_words(player: Player) -> None:
    async with player.device.online(**facts()):
        for line in (
            "devices", "devices -output list", "devices -output csv", "devices -output json",
            f"on {BAD} help", f"on {BAD} help shell", f"on {BAD} run x.sh",
            f"on {BAD} putfile x.sh -path /tmp/x", f"why shell {BAD}",
        ):  # fmt: skip
            ran = await client(player.house, line)
            clean(ran.out)
            clean(ran.err)


async def test_hello_and_policy_are_not_obeyed_on_the_first_screens(player: Player) -> None:
    def play(screen: Screen) -> None:
        screen.until(r"^fireline>")
        screen.enter(f"connect {BAD}")
        screen.until(rf"^{BAD} .*>$")
        screen.enter("help")
        screen.until(lambda s: s.text.rstrip().endswith(">") and "detach" in s.all_text)
        screen.enter("shell")
        screen.until("refused: shell")

    screen = await player.console(play, **facts())
    obeyed_nothing(screen, FEW)
    assert visible(FEW[2]) in screen.all_text


async def test_rows_and_messages_are_not_obeyed_in_the_console(player: Player) -> None:
    def play(screen: Screen) -> None:
        screen.until(rf"^{BAD} .*>$")
        screen.enter("processes -output list")
        screen.until("failed: ")
        screen.enter("processes")
        screen.until("<47")
        screen.enter("log")
        screen.until("processes.*\n.*processes")

    rows = [row(number, text) for number, text in enumerate(FEW)]
    screen = await player.console(play, [*rows, FAILED], [*ROWS, DONE], line=f"connect {BAD}")
    obeyed_nothing(screen, MARKED)
    for text in FEW:
        assert visible(text) in screen.all_text


async def test_a_folder_of_the_device_is_not_obeyed_in_the_prompt(player: Player) -> None:
    def play(screen: Screen) -> None:
        screen.until(rf"^{BAD} .*>$")
        screen.enter("cd x")
        screen.until(r"OWNED\\x07")
        screen.enter("pwd")
        screen.until(r"(?s)OWNED\\x07.*OWNED\\x07")

    screen = await player.console(
        play, [{"item": "folder", "path": ALL}, DONE], line=f"connect {BAD}"
    )
    obeyed_nothing(screen, FEW)


async def test_a_notice_is_not_obeyed(player: Player) -> None:
    async with player.device.dial("/control") as control:
        await control.say(player.device.hello())
        await control.hears("welcome")
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()

        def play(screen: Screen) -> None:
            screen.until(rf"^{BAD} .*>$")
            loop.call_soon_threadsafe(ready.set)
            screen.until(rf"{BAD} lost")

        asked = asyncio.create_task(asyncio.to_thread(player._play, play, f"connect {BAD}"))
        await ready.wait()
        await control.say({"m": "bye", "reason": ALL[:250]})
        screen = await asked
    obeyed_nothing(screen, FEW)


async def test_no_log_line_is_split_or_obeyed(tmp_path: Path) -> None:
    """A broker with a defect: a device's own text stands in the traceback that it logs."""
    with House(tmp_path / "house", {"reserve_bytes": 1 << 20}, program=[str(TRIPS)]) as house:
        device, log = Scripted(house, BAD), house.state / "broker.log"
        for text in MARKED:
            async with device.dial("/control") as control:
                await control.say(device.hello())
                await control.hears("welcome")
                await control.say({"m": "bye", "reason": text})
                await control.closed()
        written = [visible(text.replace("\n", " | ")) for text in MARKED]
        until("the last is logged", lambda: written[-1] in log.read_text("utf-8"))
        logged = log.read_bytes().decode("utf-8")
    clean(logged)
    told = [line for line in logged.splitlines() if "LookupError" in line]
    assert len(told) == len(MARKED) and "Traceback" in told[0]
    for line, text in zip(told, written, strict=True):
        assert re.match(r"\d{4}-\d\d-\d\d [\d:,]+ ERROR server\.doors\.devices ", line), line
        assert line.endswith(f"LookupError: {text}")


async def test_a_broker_that_shows_what_comes_is_caught(trusting: Player) -> None:
    for form in ("table", "list", "csv"):
        with pytest.raises(AssertionError, match=r"\\x1b.* in "):
            await rows_are_shown(trusting, form)
