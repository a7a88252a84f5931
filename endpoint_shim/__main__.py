"""`fireline-endpoint`: enroll this device, run its shim (or make it a service), check and renew."""

import argparse
import platform
import re
import shlex
import sys
from pathlib import Path

from commands.language.errors import FirelineError
from endpoint_shim import VERSION, config
from endpoint_shim.service import WORDS as SERVICE


def main() -> None:
    """The program's entry; exits with the error's status and one sentence."""
    if sys.argv[1:2] == ["worker"]:
        # A frozen program is its own interpreter: so its supervisor starts a worker.
        from endpoint_shim import worker_start

        del sys.argv[1]
        return worker_start.main()
    if sys.argv[1:2] == ["guard"]:
        from endpoint_shim import guard_start

        del sys.argv[1]
        return guard_start.main()
    arguments = _parser().parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except FirelineError as error:
        print(error.shown(), file=sys.stderr)
        sys.exit(error.status)
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fireline-endpoint", description=__doc__)
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument(
        "--state", type=_folder, default=config.DEFAULT_STATE, help="its folder (%(default)s)"
    )
    words = parser.add_subparsers(required=True, metavar="enroll | run | check | service | …")
    enroll = words.add_parser("enroll", help="take this device's identity with a token")
    enroll.add_argument(
        "--token", metavar="FILE", default="-", help="file that holds the token; - is stdin"
    )
    enroll.add_argument("--name", default=host_name(), help="the device's name (%(default)s)")
    enroll.set_defaults(run=_enroll)
    run = words.add_parser("run", help="keep the line to the broker until stopped")
    run.set_defaults(run=_run)
    check = words.add_parser("check", help="say why this device is offline")
    check.set_defaults(run=_check)
    renew = words.add_parser(
        "renew", help="take a new certificate where the last ran out; run does it by itself"
    )
    renew.set_defaults(run=_renew)
    contain = words.add_parser(
        "contain",
        help="isolate this device as it was when it went down; its service does it at each start",
    )
    contain.set_defaults(run=_contain)
    release = words.add_parser(
        "release", help="end the isolation with a release token, with the network gone"
    )
    release.add_argument(
        "--token", metavar="FILE", default="-", help="file that holds the token; - is stdin"
    )
    release.set_defaults(run=_release)
    unrestrict = words.add_parser(
        "unrestrict", help="end the restriction of a device that its broker cannot reach"
    )
    unrestrict.set_defaults(run=_unrestrict)
    service = words.add_parser(
        "service",
        help="run as a service of the system: " + ", ".join(SERVICE),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(f"{word:<8} {about}" for word, about in SERVICE.items()),
    )
    service.add_argument("word", choices=list(SERVICE), metavar=" | ".join(SERVICE))
    service.add_argument(
        "--anyway",
        action="store_true",
        help="install although others could change its files, remove although it is contained",
    )
    service.set_defaults(run=_service)
    for word in (enroll, run, check, service, renew, contain, release, unrestrict):
        # Before or after the word; SUPPRESS keeps the one from overwriting the other.
        word.add_argument("--state", type=_folder, default=argparse.SUPPRESS, help="its folder")
    return parser


def _folder(text: str) -> Path:
    """Whole, for a worker stands elsewhere and is told of it."""
    return Path(text).absolute()


def host_name() -> str:
    """The host's name as a device may be called."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", platform.node()).lstrip("._-")[:63] or "device"


def _enroll(arguments: argparse.Namespace) -> int:
    from endpoint_shim.worker_start import loading

    with loading():
        from endpoint_shim import enrol
    enrol.enroll(arguments.state, enrol.read_token(arguments.token), arguments.name)
    state = shlex.quote(str(arguments.state))
    print(f"enrolled as {arguments.name}; next: fireline-endpoint --state {state} run")
    print(f"or, with the system: fireline-endpoint --state {state} service install")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from endpoint_shim.worker_start import loading

    with loading():
        from endpoint_shim import supervisor
    supervisor.run(config.load(arguments.state))
    return 0


def _contain(arguments: argparse.Namespace) -> int:
    import asyncio

    from endpoint_shim import contain

    print(asyncio.run(contain.contain(arguments.state)))
    return 0


def _release(arguments: argparse.Namespace) -> int:
    from endpoint_shim import contain, release_token

    print(contain.release(arguments.state, release_token.read(arguments.token)))
    return 0


def _unrestrict(arguments: argparse.Namespace) -> int:
    from endpoint_shim import contain

    print(contain.unrestrict(arguments.state))
    return 0


def _service(arguments: argparse.Namespace) -> int:
    from endpoint_shim import service

    print(service.act(arguments.word, arguments.state, anyway=arguments.anyway))
    return 0


def _renew(arguments: argparse.Namespace) -> int:
    from endpoint_shim import enrol

    settings = config.load(arguments.state)
    enrol.renew(settings)
    print(f"{settings.identity.name} has a new certificate; the shim shows it when it dials next")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from endpoint_shim import check

    return check.check(arguments.state)


if __name__ == "__main__":
    main()
