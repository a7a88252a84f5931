"""Wall time as the records carry it: for people, never for order or time-outs."""

from datetime import UTC, datetime


def now() -> str:
    """UTC with milliseconds: 2026-11-24T14:02:51.120Z."""
    return stamp(moment())


def moment() -> datetime:
    """The moment itself, beside a certificate's dates."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """A moment in the records' form."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(seconds() * 1000)


def ms(stamp: str) -> int:
    """A stamp's milliseconds since 1970."""
    return int(parse(stamp).timestamp() * 1000)


def told(at_ms: int) -> str:
    """As a sentence has it: 2026-11-24 14:02:51Z."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%F %TZ}"


def seconds_between(first: str, last: str) -> float:
    """Between two stamps; never negative, whatever the clock did meanwhile."""
    return max(0.0, (parse(last) - parse(first)).total_seconds())


def parse(text: str) -> datetime:
    """The moment of a stamp."""
    return datetime.fromisoformat(text)


def seconds() -> float:
    """Seconds since 1970, as the dates of certificates are."""
    return moment().timestamp()
