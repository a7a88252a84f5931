"""What the broker's journal says of actions and of contained devices; records.py has the rest."""

from server.audit.records import Body


class ActionChanged(Body, frozen=True):
    """An action was asked, approved, begun or ended; `value_sha256` is of exactly what was asked.

    Durable before anything comes of it: its row and this record are one commit.
    """

    action: int
    device: str
    name: str
    word: str
    text: str
    person: str
    comment: str
    asked_in: str
    state: str
    by: str
    said: str
    """What became of it: an outcome, an error, the answer to an approval."""
    value_sha256: str
    generation: int = 0
    approval: str = ""
    ran_in: str = ""
    by_comment: str = ""
    """What `by` said with it: the comment of an approval, a denial, a cancellation."""
    proof: str = ""
    """What the device's word is held by: a digest of its table, its list, its package."""


class DeviceSaw(Body, frozen=True):
    """What a device tells of its own containment: tampering, a start that was blocked, its end."""

    device: str
    name: str
    what: str
    text: str
    at_ms: int


class Detected(Body, frozen=True):
    """What a scan found on a device."""

    action: int
    device: str
    name: str
    path: str
    threat: str
    what: str
    """What the engine did about it."""


class ReleaseTokenMade(Body, frozen=True):
    """A token was made that ends one isolation of a device; its nonce, for the token is secret."""

    by: str
    device: str
    name: str
    nonce: str
    expires: str
