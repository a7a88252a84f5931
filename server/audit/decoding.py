"""A stored line of a journal, back into the record that it was; later versions' kinds too."""

from typing import Any, Final

import msgspec

import server.audit.action_records  # kinds are Body's, once they are imported
import server.audit.device_records
import server.audit.package_records  # noqa: F401 (the same)
from server.audit.records import Body

ENVELOPE: Final = frozenset({"journal", "seq", "time", "kind", "prev"})


class Unknown(msgspec.Struct, frozen=True):
    """A kind this version does not know; `verify` still checks its hash."""

    kind: str
    fields: dict[str, Any]


KINDS: Final[dict[str, type[Body]]] = {
    kind.__struct_config__.tag: kind  # type: ignore[misc]
    for kind in Body.__subclasses__()
}
_DECODERS: Final = {tag: msgspec.json.Decoder(kind) for tag, kind in KINDS.items()}


def decode_body(kind: str, line: bytes) -> Body | Unknown:
    """The body inside a stored line; the envelope's names are skipped."""
    decoder = _DECODERS.get(kind)
    if decoder is not None:
        return decoder.decode(line)
    fields: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    return Unknown(kind, {key: fields[key] for key in fields if key not in ENVELOPE})
