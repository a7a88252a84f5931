"""The last time the broker could not be reached or refused, kept for `fireline-endpoint check`."""

from pathlib import Path

import msgspec

from endpoint_shim import durable
from endpoint_shim.config import REFUSAL


class Refusal(msgspec.Struct, frozen=True):
    """When (the device's clock), by which host of the dial list, and why."""

    at_ms: int
    dial: str
    reason: str


def keep(state: Path, refusal: Refusal) -> None:
    """Written once per change of reason, so that an offline device does not wear its disk."""
    durable.save(state / REFUSAL, msgspec.json.encode(refusal))


def last(state: Path) -> Refusal | None:
    try:
        return msgspec.json.decode((state / REFUSAL).read_bytes(), type=Refusal)
    except (OSError, msgspec.DecodeError):
        return None


def forget(state: Path) -> None:
    (state / REFUSAL).unlink(missing_ok=True)
