"""`fireline`: init, serve and demo work alone; every other word goes to the running broker."""

import argparse
import os
import shlex
import socket
import sys
from pathlib import Path

from commands.language.errors import FirelineError
from commands.language.line import quoted

ALONE = ("init", "serve", "demo", "grammar")
DEMO = Path("var/demo")


def main() -> int:
    """The program; its exit status is the command's."""
    try:
        return _run(sys.argv[1:])
    except FirelineError as error:
        print(error.shown(), file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130


def _run(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="fireline",
        description="Fireline's broker. Words besides these go to the running broker, as what "
        "access.yaml makes of this account: token, revoke, devices, why, help for an operator; "
        "sessions and verify for an auditor.",
    )
    parser.add_argument("--state", type=Path, default=_default(), help="the state folder")
    words = parser.add_subparsers(dest="word", metavar="WORD")
    init = words.add_parser("init", help="make a state folder with its keys")
    init.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104
    init.add_argument("--name", action="append", help="a name or address devices reach it by")
    init.add_argument("--ssh-port", type=int, default=2222)
    init.add_argument("--device-port", type=int, default=8443)
    init.add_argument("--enrolment-port", type=int, default=8444)
    serving = words.add_parser("serve", help="run the broker")
    demo = words.add_parser("demo", help="a broker and this machine as a device, to try it")
    demo.add_argument("what", nargs="?", choices=["run", "up", "down"], default="run")
    words.add_parser("grammar", help="print the whole grammar as JSON")
    for word in (init, serving, demo):
        # Before or after the word; SUPPRESS keeps the one from overwriting the other.
        word.add_argument("--state", type=Path, default=argparse.SUPPRESS, help="the state folder")
    state, line = _split(argv)
    if line and line[0] not in ALONE and not line[0].startswith("-"):
        from server.operator.admin_client import ask

        return ask(state / "admin.sock", " ".join(quoted(word) for word in line))
    known, rest = parser.parse_known_args(argv)
    if known.word == "init" and not rest:
        return _init(known)
    if known.word == "serve" and not rest:
        from server.operator.loading import loading

        with loading():
            from server.operator.serve import serve
        return serve(known.state)
    if known.word == "demo" and not rest:
        from server.operator.demo import do

        named = known.state != _default() or "FIRELINE_STATE" in os.environ
        return do(known.what, (known.state if named else DEMO).absolute(), windows=False)
    if known.word == "grammar" and not rest:
        from commands.language.grammar import as_json

        print(as_json())
        return 0
    parser.print_help()
    return 2


def _split(argv: list[str]) -> tuple[Path, list[str]]:
    """The state folder, and the words after it: a broker's words are no business of argparse."""
    if len(argv) >= 2 and argv[0] == "--state":
        return Path(argv[1]), argv[2:]
    if argv and argv[0].startswith("--state="):
        return Path(argv[0].removeprefix("--state=")), argv[1:]
    return _default(), argv


def _default() -> Path:
    return Path(os.environ.get("FIRELINE_STATE", "/var/lib/fireline"))


def _init(known: argparse.Namespace) -> int:
    from server.operator.init import make_state

    names = known.name or [socket.getfqdn()]
    print_of_key = make_state(
        known.state,
        host=known.host,
        ssh=known.ssh_port,
        devices=known.device_port,
        enrolment=known.enrolment_port,
        names=names,
    )
    print(f"{known.state} is ready; its host key is {print_of_key}")
    print(f"people and rules: {known.state / 'access.yaml'}")
    print(f"next: fireline --state {shlex.quote(str(known.state))} serve")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
