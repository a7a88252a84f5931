"""Every decoder of what others send: good inputs of each, and all that it may raise."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from commands.language import enrolment, items, line, names, wire
from commands.language.command import decode as decode_command
from commands.language.errors import FirelineError
from endpoint_shim import policy
from server.audit.chain import envelope
from server.audit.decoding import decode_body
from server.identity.access_file import parse_access_file
from server.live.manifest import Manifest

# What a frame that is no message raises: not UTF-8, no JSON, no such message, nested without end.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Decoder(NamedTuple):
    """One decoder: good inputs, and all that it may raise."""

    decode: Callable[[bytes], Any]
    good: tuple[bytes, ...]
    raises: tuple[type[Exception], ...]


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def record(data: bytes) -> Any:
    """As `verify` reads a line: its envelope, and its body where it has one."""
    return envelope(data) and (decode_body("started", data), decode_body("new", data))


DECODERS = {
    "line": Decoder(
        lambda data: line.parse(as_text(data)),
        (b"getfile '/etc/a b' > NAME &", b"run x.sh -parameters \"a b\" -output json", b"help"),
        (FirelineError,),
    ),
    "up": Decoder(
        wire.up.decode,
        (b'{"m":"beat","number":1}', b'{"m":"gone","stream":"S1.w1","how":"crashed","left":[]}'),
        UNREADABLE,
    ),
    "down": Decoder(wire.down.decode, (b'{"m":"echo","number":1}',), UNREADABLE),
    "stream up": Decoder(wire.stream_up.decode, (b'{"m":"ack","frames":1}',), UNREADABLE),
    "stream down": Decoder(wire.stream_down.decode, (b'{"m":"ack","frames":1}',), UNREADABLE),
    "items": Decoder(
        items.decode,
        (b'{"item":"row","row":{"pid":1}}', b'{"item":"into","where":"file","name":"x"}'),
        UNREADABLE,
    ),
    "commands": Decoder(
        decode_command, (b'{"word":"getfile","path":"/x"}', b'{"word":"dir"}'), UNREADABLE
    ),
    "journal": Decoder(
        record,
        (b'{"journal":"S1","seq":4,"time":"2026-01-01T00:00:00.000Z","kind":"started","number":1,'
         b'"stream":"S1.w1","device_change":false,"prev":"00"}',),
        (msgspec.MsgspecError, UnicodeDecodeError),
    ),
    "policy": Decoder(
        lambda data: policy.parse(data.decode()),
        (b'deny = ["shell"]\noff_limits = ["/srv/x"]\n',),
        (ValueError, msgspec.ValidationError),
    ),
    "access": Decoder(
        lambda data: parse_access_file("access.yaml", data, {"shell": "shell"}),
        (b"people:\n  alice: {keys: []}\nrules:\n  - {name: r, people: [alice], role: basic, "
         b"devices: all, deny: [shell]}\n",),
        (FirelineError,),
    ),
    "names": Decoder(
        lambda data: names.to_bytes(names.typed(as_text(data))),
        (b"raw:i%FF%FEj", "ünï\u202e".encode()),
        (FirelineError,),
    ),
    "manifest": Decoder(
        functools.partial(msgspec.json.decode, type=Manifest),
        (msgspec.json.encode(Manifest()),),
        UNREADABLE,
    ),
    "enrolment": Decoder(
        lambda data: (enrolment.decode_request(data), enrolment.parse_token(as_text(data))),
        (b'{"m":"enrol","secret":"x","name":"web-01","csr":"x"}', b"fl1.eyJ1cmwiOiJ4In0"),
        (FirelineError,),
    ),
}  # fmt: skip

CARELESS = Decoder(lambda data: msgspec.json.decode(data)["m"], (b'{"m":1}',), UNREADABLE)
"""One that raises more than it says: whoever looks for that has to find it here."""
