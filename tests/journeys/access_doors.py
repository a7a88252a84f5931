"""Every word through every door that can carry it, by people of every role: what is asked, and what
the rules say to it.

1. `shut-01` is a real device whose own policy denies every word, so that what the rules allow is
   refused there, without effect and for another reason; `open-01` has no policy: what goes through
   files is really done; `other-01` is nobody's.
2. What was decided stands in the journal of the session, with the rule; what the person was told
   says the client, with its exit status.
"""

import contextlib
import getpass
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from commands.language.command import (
    Command,
    ConsoleCommand,
    DeviceCommand,
    Mark,
    TerminalCommand,
    discover,
)
from commands.language.names import Name
from server.config import load
from server.doors.admin import ERROR, OUT
from server.identity.access_file import parse_access_file
from server.identity.decision import Ask, Decision, decide
from server.identity.rules import DeviceRef, Rules
from server.operator.admin_client import _answer, _connected
from server.operator.demo_state import HOST
from tests.doors.rig import Ran, make_key
from tests.journeys.rig import House, until

SHUT, OPEN, OTHER, DESK = "shut-01", "open-01", "other-01", "-"
AT_ONCE = 4
FEW = 5
"""One word of so many is sent to where every word gets the same answer."""
WORDS = discover()
OURS = "[open-01, SHUT-01]"
DENIED = [word for word, kind in WORDS.items() if kind.spec.role != "any" and word != "connect"]
RULES_OF = {
    "nobody": "",
    "basic": "role: basic",
    "advanced": "role: advanced, rights: {library: write}",
    "denied": f"role: advanced, rights: {{library: write}}, deny: [{', '.join(DENIED)}]",
    "silent": "role: advanced, comment: required",
    "auditor": "role: auditor",
    "operator": "role: operator",
}
PEOPLE = tuple(RULES_OF)
MAY_ACT = ("advanced",)
RESPONDERS = ("basic", "advanced", "denied")
"""Who gets a session on a device by typing `connect` alone."""
LEAVING = ("exit", "disconnect", "detach")
"""Words after which a channel may be over."""
SHARED = """
  ControlMaster auto
  ControlPath {sockets}/%n
  ControlPersist 60
"""


def line_of(kind: type[Command]) -> str:
    """The word, and for each parameter that it must have something that leads nowhere."""
    words = [kind.spec.word]
    for parameter in kind.spec.parameters:
        if parameter.required and parameter.mark not in (Mark.HIDDEN, Mark.REST):
            words.append(_sample(parameter.name, parameter.type, parameter.choices))
    return " ".join(words)


def _sample(name: str, kind: Any, choices: Sequence[str]) -> str:
    if choices:
        return choices[0]
    if kind is int or kind is float:
        return "999"
    if kind is Name:
        return "/nowhere/at-all"
    return {"session": "S1", "line": "pwd", "command": "pwd"}.get(name, "nowhere")


def about_device(kind: type[Command]) -> bool:
    """Whether it is judged on a device, where there is one."""
    return needs_device(kind) or kind.spec.of_device


def needs_device(kind: type[Command]) -> bool:
    return issubclass(kind, DeviceCommand | TerminalCommand) or kind.spec.queued


class Typed(NamedTuple):
    """A cell: who typed which word through which door, in a session on which device."""

    person: str
    door: str
    device: str
    word: str


class Decided(NamedTuple):
    """What a journal says of a word that was typed; `about` is the device that it is about."""

    cell: Typed
    about: str
    allowed: bool
    rule: str
    reason: str


class Told(NamedTuple):
    """What a client was told of one line that it sent alone."""

    cell: Typed
    ran: Ran


@dataclass
class Doors:
    """The house, its people, and what they were told."""

    house: House
    sockets: Path
    rules: Rules
    told: list[Told] = field(default_factory=list)
    typed: set[Typed] = field(default_factory=set)
    """What must stand in a journal of that door and device."""

    def decided(
        self, person: str, word: str, device: str, door: str, right: str | None = None
    ) -> Decision:
        spec, seen = WORDS[word].spec, DeviceRef(device) if device != DESK else None
        ask = Ask(person, word, spec.role, right, seen, door, False, spec.under)
        return decide(self.rules, ask)

    # Words.
    def exec(self, person: str) -> None:
        """Each word by an exec of its own, at the desk and on a device."""
        for word in WORDS:
            line = line_of(WORDS[word])
            if word != "connect" and self._sent(person, word, DESK):  # it is a session of lines
                self._told(Typed(person, "exec", DESK, word), self.ssh(person, line))
            for device in (SHUT, OTHER):
                if self._sent(person, word, device):
                    ran = self.ssh(person, f"on {device} {line}")
                    self._told(Typed(person, "exec", device, word), ran)

    @staticmethod
    def _sent(person: str, word: str, device: str) -> bool:
        """Whether a word is one of few, or where each word gets its own answer: at the desk those
        that need no device, on one those of who may have a session there, or that need none."""
        kind = WORDS[word]
        own = person in RESPONDERS or kind.spec.bound
        if device == DESK:
            own = not needs_device(kind)
        few = list(WORDS).index(word) % FEW == PEOPLE.index(person) % FEW
        return few or (own and device != OTHER)

    def shells(self, person: str) -> None:
        """The words that give a terminal over, through the doors that are theirs."""
        for device in (SHUT, OTHER):
            shell = Typed(person, "shell", device, "shell")
            self._told(shell, self.ssh(person, f"shell {device}"))
            self._told(shell, self.ssh(f"{person}~{device}", "", "-tt", stdin="\n"))
            at = self.ssh(f"{person}~{device}", "echo here")
            self._told(Typed(person, "exec", device, "exec"), at)

    def channels(self, person: str) -> None:
        """All words in one channel, at the desk and on a device; those that end it alone."""
        for door in ("lines", "console"):
            self._channel(person, door, DESK)
            if person in RESPONDERS:
                self._channel(person, door, SHUT)

    def _channel(self, person: str, door: str, device: str) -> None:
        words = [word for word in WORDS if word not in LEAVING]

        def why(word: str) -> str:
            """What a console asks before an action is judged; nothing, of who might do it."""
            if door != "console" or device == DESK or not WORDS[word].spec.queued:
                return ""
            return "\n" if person in MAY_ACT else "for nothing\n"

        for chosen in (words, *([word] for word in LEAVING)):
            lines = "".join(f"{line_of(WORDS[word])}\n{why(word)}" for word in chosen)
            options = ("-tt", "-e", "none") if door == "console" else ("-T",)
            first = f"connect {device}" if device != DESK else ""
            self.ssh(person, first, *options, stdin=f"{lines}exit\nexit\n")
            self.typed |= {
                Typed(person, door, device, word)
                for word in chosen
                if not (why(word) and person in MAY_ACT)
            }

    def admin(self, person: str) -> None:
        """By this account, which is this person now."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            cells = [
                Typed(person, "admin", where, word)
                for word in WORDS
                for where in (DESK, SHUT)
                if self._sent(person, word, where)
            ]
            for cell, ran in zip(cells, pool.map(self._by_admin, cells), strict=True):
                self._told(cell, ran)

    def _by_admin(self, cell: Typed) -> Ran:
        line = line_of(WORDS[cell.word])
        return self.by_socket(line if cell.device == DESK else f"on {cell.device} {line}")

    def by_socket(self, line: str) -> Ran:
        """One line through the admin socket."""
        said: dict[int, list[bytes]] = {OUT: [], ERROR: []}
        with _connected(self.house.home / "admin.sock", line) as broker:
            broker.shutdown(socket.SHUT_WR)
            status = _answer(broker, lambda kind, data: said[kind].append(data))
        out, err = (b"".join(parts).decode() for parts in said.values())
        return Ran(status, out, err)

    def _told(self, cell: Typed, ran: Ran) -> None:
        self.told.append(Told(cell, ran))
        if cell.device == DESK:
            self.typed.add(cell)

    # Clients.
    def ssh(self, host: str, line: str, *options: str, stdin: str = "") -> Ran:
        argv = ["ssh", "-F", str(self.house.state / "people_config"), *options, host]
        return _run([*argv, line] if line else argv, stdin)

    def files(self, program: str, *words: str, stdin: str = "") -> Ran:
        return _run([program, "-F", str(self.house.state / "people_config"), *words], stdin)

    # What the journals say.
    def decisions(self) -> Iterator[Decided]:
        """Of every word that was typed in any session."""
        for begun in self.house.of_kind("session_begun"):
            records = self.house.records(begun["session"])
            typed = {r["number"]: r for r in records if r["kind"] == "command_typed"}
            for record in records:
                if record["kind"] == "decided":
                    one = typed[record["number"]]
                    cell = Typed(begun["person"], one["door"], records[0]["device"], one["word"])
                    about = one["value"].get("device") if WORDS[cell.word].spec.bound else None
                    yield Decided(
                        cell, about or cell.device, record["allowed"], record["rule"],
                        record["reason"],
                    )  # fmt: skip

    def misjudged(self) -> Iterator[str]:
        """The decisions that are not those of the deciding function."""
        for one in self.decisions():
            person, door, _, word = one.cell
            if one.about == DESK and needs_device(WORDS[word]):
                if one.allowed or "needs a device" not in one.reason:
                    yield f"{one} has no device"
                continue
            expected = self.decided(person, word, self._desk_or(one), door)
            place = f"{expected.rule} (access.yaml line {expected.line})" if expected.rule else ""
            if expected.allowed:
                right = one.rule == place and (one.allowed or "(rule " not in one.reason)
            else:
                right = not one.allowed and expected.sentence in one.reason
            if not right:
                yield f"{one} where {expected} was due"

    def _desk_or(self, one: Decided) -> str:
        return one.about if about_device(WORDS[one.cell.word]) else DESK

    def mistold(self) -> Iterator[str]:
        """The answers that are not what the deciding function makes of them."""
        for cell, ran in self.told:
            status, text = self._answer_to(cell)
            said = " ".join((ran.out + ran.err).split())  # a terminal's lines are wrapped
            access = re.search(rf"refused: {cell.word}\b[^;]*\(rule ", said)
            if access if status is None else ran.status != status or text not in said:
                yield f"{cell}: {status} {text} was due, not {ran}"

    def _answer_to(self, cell: Typed) -> tuple[int | None, str]:
        """The status and a part of the sentence; no status where the word may run."""
        person, door, device, word = cell
        kind = WORDS[word]
        alone = door == "shell" or (door, word) == ("exec", "exec")
        if device == DESK and needs_device(kind):
            return 2, "needs a device"
        if device != DESK and issubclass(kind, ConsoleCommand):
            return 2, "no command to run on a device"
        if word == "on":
            return 4, "no device of that name"
        decision = self.decided(person, word, device if about_device(kind) else DESK, door)
        if device != DESK and (alone or not kind.spec.bound):
            if not self.rules.sees(person, DeviceRef(device)):
                return 4, f"{device}: no device of that name that you may see"
            if person not in (*RESPONDERS, "silent"):
                return 3, f"a session on {device} needs basic or advanced"
            if person == "silent":
                return 3, "comment"
        if not decision.allowed:
            return decision.status, decision.sentence
        return (3, "its own policy") if needs_device(kind) else (None, "no refusal")


def _run(argv: Sequence[str], stdin: str) -> Ran:
    ran = subprocess.run(
        argv, input=stdin.encode(), capture_output=True, timeout=100, check=False,
        env={"PATH": "/usr/bin:/bin", "TERM": "dumb"},
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout.decode("utf-8", "replace"), ran.stderr.decode())


def access_file(keys: "dict[str, str]", account: str, local: str = "operator") -> str:
    """The people and rules; the local account is one of them."""
    people = [
        f"  {name}: {{keys: ['{key}']{f', accounts: [{account}]' if name == local else ''}}}"
        for name, key in keys.items()
    ]
    rules = [
        f"  - {{name: of-{name}, people: [{name}], devices: {OURS}, {rule}}}"
        for name, rule in RULES_OF.items()
        if rule
    ]
    return "\n".join(["people:", *people, "rules:", *rules, ""])


@contextlib.contextmanager
def opened(place: Path, program: Sequence[str]) -> Iterator[Doors]:
    """The house with its three devices, and everybody's connection shared by his clients."""
    house = House(place / "house", {"reserve_bytes": 1 << 20, "left_open_s": 1}, program=program)
    with tempfile.TemporaryDirectory(prefix="fl") as sockets:
        place.mkdir(exist_ok=True)
        house.make()
        keys = {person: make_key(house.state, person) for person in PEOPLE}
        doors = Doors(house, Path(sockets), _written(house, keys, "operator"))
        _configure(house, doors.sockets)
        house.start_broker()
        try:
            for device in (SHUT, OPEN, OTHER):
                house.enrol(device)
            policy = house.shims[SHUT].state / "policy.toml"
            policy.write_text(f"deny = {[w for w, kind in WORDS.items() if needs_device(kind)]}\n")
            policy.chmod(0o600)
            for device in (SHUT, OPEN):
                house.start_shim(device)
            yield doors
        finally:
            house.__exit__()


def become(doors: Doors, person: str) -> None:
    """This account is another person from now on."""
    keys = {name: (doors.house.state / f"{name}.pub").read_text().strip() for name in PEOPLE}
    before = len(doors.house.of_kind("rules_loaded"))
    doors.rules = _written(doors.house, keys, person)
    until("the rules are loaded", lambda: len(doors.house.of_kind("rules_loaded")) > before)


def _written(house: House, keys: "dict[str, str]", local: str) -> Rules:
    text = access_file(keys, getpass.getuser(), local)
    (house.home / "access.yaml").write_text(text)
    return parse_access_file("access.yaml", text.encode(), {word: word for word in WORDS})


def _configure(house: House, sockets: Path) -> None:
    port, known = load(house.home).ssh_port, house.state / "known_hosts"
    hosts = {p: p for p in PEOPLE} | {f"{p}~{d}": p for p in PEOPLE for d in (SHUT, OPEN, OTHER)}
    blocks = [
        HOST.format(host=host, port=port, person=host, key=house.state / key, known=known)
        + SHARED.format(sockets=sockets)
        for host, key in hosts.items()
    ]
    (house.state / "people_config").write_text("\n".join(blocks))
