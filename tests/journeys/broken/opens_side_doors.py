"""A broker that is broken on purpose: by lines, scp and the admin socket all may do everything."""

import dataclasses
import sys

from server.__main__ import main
from server.identity.access import Ask, Decision, Rules, decide
from server.live import sessions


def _lenient(rules: Rules, ask: Ask) -> Decision:
    decision = decide(rules, ask)
    if ask.door in ("lines", "scp", "admin"):
        return dataclasses.replace(decision, allowed=True)
    return decision


if __name__ == "__main__":
    vars(sessions)["decide"] = _lenient
    sys.exit(main())
