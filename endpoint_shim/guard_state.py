"""What the guard keeps in the state folder: what is wanted, what is, and how the broker is reached.

1. `wanted.json` is the supervisor's: the highest generation of each kind that the broker ever sent.
2. `contained.json` is the guard's (and `fireline-endpoint contain`'s and `release`'s, while no
   guard runs: one lock keeps them apart). It is durable before an effect, and after it.
3. `reach.json` (known_ways.py) is there while the device is isolated, and on Linux there is
   something in `isolation.nft`: what systemd gives nft where the shim is not up yet, or no more.
4. A file that cannot be read is no wish and no state: what is wanted is then put in force anew.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec.structs import replace

from commands.language.wire_contain import (
    Allowance,
    Contained,
    Isolate,
    Isolated,
    Restrict,
    Restricted,
    Scope,
    Seen,
    Want,
)
from commands.language.wire_forms import Short
from endpoint_shim import boot_clock, durable, facts
from endpoint_shim.countdown import Countdown

WANTED, CONTAINED, TOKEN = "wanted.json", "contained.json", "release.token"
RULES = "isolation.nft"
LOCK = "guard.lock"
MAX_BROKERS = 16
MAX_KEPT, LONGEST_SEEN = 40, 400
"""So that all of it fits into one message of the control line."""
AGAIN_S = 60.0
SeenKind = Literal["tampering", "blocked", "unguarded", "started", "token", "ttl", "note"]
_Kind = TypeVar("_Kind", bound=msgspec.Struct)

log = logging.getLogger("fireline.guard")


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address that proved to be the broker's, by TLS for the name of a pinned place."""

    address: Short
    port: int
    place: Short


class Force(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An isolation that is in force, or is just being put in force."""

    generation: int
    scope: Scope
    rules: tuple[Allowance, ...] = ()
    countdown: Countdown | None = None
    forced: bool = False
    """Stays although the broker is not reached."""
    tries: int = 0
    """How often it was begun; a guard that ends each time must not leave it unproven for ever."""


def rules_of(wanted: Isolate) -> tuple[Allowance, ...]:
    """Those that count: only a selective isolation has any."""
    return wanted.rules if wanted.scope == "selective" else ()


def force_of(wanted: Isolate, tries: int = 0) -> Force:
    """What the wish asks for; its time does not run yet."""
    return Force(
        generation=wanted.generation,
        scope=wanted.scope,
        rules=rules_of(wanted),
        forced=wanted.force,
        tries=tries,
    )


def timed(force: Force, wanted: Isolate) -> Force:
    """From now on its time runs, if it has any."""
    if wanted.ttl_s is None:
        return force
    return replace(force, countdown=Countdown(wanted.ttl_s, boot_clock.seconds()))


def opens(before: Force, wanted: Isolate) -> bool:
    """Whether it would end, or open, what is in force: then it is a release by another name."""
    if wanted.scope != "full" and (before.scope, before.rules) != (wanted.scope, wanted.rules):
        return True
    if wanted.ttl_s is None:
        return False
    left = before.countdown
    return left is None or wanted.ttl_s < left.left(boot_clock.seconds())


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The latest time that was seen, and where the boot clock stood then."""

    wall_ms: int = 0
    boot_s: float = 0.0

    def now_ms(self, wall_ms: int, boot_s: float) -> int:
        """The later of the wall clock and this clock run on: what expires does not live longer
        because somebody set the clock back."""
        gone = boot_s - self.boot_s if boot_s >= self.boot_s else boot_s
        return max(wall_ms, self.wall_ms + int(gone * 1000))


class Kept(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`contained.json`."""

    isolation: Isolated = msgspec.field(default_factory=lambda: Isolated(generation=0))
    restriction: Restricted = msgspec.field(default_factory=lambda: Restricted(generation=0))
    force: Force | None = None
    back: Force | None = None
    """What was in force, and proven, before the one that is not proven yet."""
    brokers: tuple[Place, ...] = ()
    used: dict[str, int] = {}
    """Release tokens that were used here, until they expire (milliseconds)."""
    clock: Clock = Clock()
    seen: tuple[Seen, ...] = ()
    """What the broker has not been told yet."""


class Record:
    """What is kept, and whoever is to hear of it."""

    def __init__(self, state: Path, on_say: Callable[[], None] = lambda: None) -> None:
        self.kept = load(state)
        self._state = state
        self._on_say = on_say
        self._saw: dict[SeenKind, tuple[str, float]] = {}

    def save(self) -> None:
        """Durable when it returns, with the time that is left at this moment."""
        kept, now = self.kept, boot_clock.seconds()
        if kept.force is not None and kept.force.countdown is not None:
            kept.force = replace(kept.force, countdown=kept.force.countdown.kept(now))
        kept.clock = Clock(kept.clock.now_ms(facts.clock_ms(), now), now)
        kept.used = {one: until for one, until in kept.used.items() if until > kept.clock.wall_ms}
        durable.save(self._state / CONTAINED, msgspec.json.encode(kept))

    def keep_rules(self, text: str) -> None:
        """What puts them back, in the words of the system's own program; empty where nothing is."""
        place = self._state / RULES
        try:
            before = place.read_bytes()
        except FileNotFoundError:
            before = b""
        if before != text.encode():
            durable.save(place, text.encode())

    def say(self) -> None:
        """Kept, and then told."""
        self.save()
        self.tell()

    def tell(self) -> None:
        """Told as it is in memory."""
        self._on_say()

    def saw(self, kind: SeenKind, text: str) -> bool:
        """One more thing to tell, unless it was said just now. The oldest go first."""
        now = boot_clock.seconds()
        before, at = self._saw.get(kind, ("", 0.0))
        if before == text and now - at < AGAIN_S:
            return False
        self._saw[kind] = (text, now)
        one = Seen(at_ms=facts.clock_ms(), kind=kind, text=_short(text))
        self.kept.seen = (*self.kept.seen, one)[-MAX_KEPT:]
        return True

    def told(self, seen: tuple[Seen, ...]) -> None:
        """The broker has these now."""
        left = tuple(one for one in self.kept.seen if one not in seen)
        if left != self.kept.seen:
            self.kept.seen = left
            self.save()

    def contained(self) -> Contained:
        """What the broker is told."""
        kept = self.kept
        left = None
        if kept.force is not None and kept.force.countdown is not None:
            left = kept.force.countdown.left(boot_clock.seconds())
        return Contained(
            isolation=replace(kept.isolation, left_s=left) if kept.isolation.generation else None,
            restriction=kept.restriction if kept.restriction.generation else None,
            seen=kept.seen,
        )


def _short(text: str) -> str:
    """Short on the wire too, whatever a program on this device calls itself."""
    if len(msgspec.json.encode(text[:LONGEST_SEEN])) > 2 * LONGEST_SEEN:
        text = text.encode("ascii", "backslashreplace").decode()
    return text[:LONGEST_SEEN]


def merged(old: Want, new: Want) -> Want:
    """What is wanted after both: of each kind the higher generation, whichever comes first."""
    return Want(
        isolation=_higher(old.isolation, new.isolation),
        restriction=_higher(old.restriction, new.restriction),
        places=new.places or old.places,
    )


def wanted(state: Path) -> Want:
    """What the broker last wanted."""
    return _load(state / WANTED, Want) or Want()


def want(state: Path, new: Want) -> Want:
    """Keeps a further wish, durably; gives what is wanted now."""
    old = wanted(state)
    now = merged(old, new)
    if now != old:
        durable.save(state / WANTED, msgspec.json.encode(now))
    return now


def is_needed(state: Path) -> bool:
    """Whether a guard is: something is wanted, in force, not answered or not told yet."""
    if not (state / WANTED).exists() and not (state / CONTAINED).exists():
        return False
    now, kept = wanted(state), load(state)
    isolate, restrict = now.isolation, now.restriction
    if kept.force is not None or kept.restriction.on or kept.seen:
        return True
    return (isolate is not None and _open(isolate, kept.isolation)) or (
        restrict is not None and _open(restrict, kept.restriction)
    )


def _open(wish: Isolate | Restrict, answer: Isolated | Restricted) -> bool:
    if wish.generation == answer.generation:
        return answer.stage == "converging"
    return wish.generation > answer.generation


def contained(state: Path) -> Contained | None:
    """How the device was contained last, for a broker that asks while no guard runs."""
    if not (state / CONTAINED).exists():
        return None
    return replace(Record(state).contained(), seen=())


def load(state: Path) -> Kept:
    """What is."""
    return _load(state / CONTAINED, Kept) or Kept()


Wish = TypeVar("Wish", Isolate, Restrict)


def _higher(old: Wish | None, new: Wish | None) -> Wish | None:
    if old is None or new is None:
        return old or new
    return new if new.generation > old.generation else old


def _load(path: Path, kind: type[_Kind]) -> _Kind | None:
    try:
        return msgspec.json.decode(durable.read(path), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.error("%s cannot be read (%s); what is wanted is put in force anew", path, error)
        return None
