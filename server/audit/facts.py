"""What a session's records say of the files that must lie beside them."""

from typing import NamedTuple

import msgspec

from server.audit.chain import Envelope, envelope
from server.audit.decoding import decode_body
from server.audit.records import (
    Ended,
    EvidencePartial,
    EvidenceTaken,
    Recovered,
    SessionEnded,
    SessionOpened,
)
from server.store.sqlite import RecordRow


class Expected(NamedTuple):
    """A file by its length and digest."""

    bytes: int
    sha256: str


class Facts:
    """Collected while the rows pass by; a row that does not decode is damage, not a fact."""

    def __init__(self) -> None:
        self.count = 0
        self.last: RecordRow | None = None
        self.opened: SessionOpened | None = None
        self.opened_at = ""
        self.ended: SessionEnded | None = None
        self.recovered: list[tuple[str, Recovered]] = []
        self.results: dict[int, Expected] = {}
        self.evidence: dict[str, Expected] = {}

    def see(self, row: RecordRow) -> RecordRow:
        """Take what is in one row."""
        self.count += 1
        self.last = row
        outer = envelope(row.line)
        if outer is not None:
            self._note(outer, row)
        return row

    def _note(self, outer: Envelope, row: RecordRow) -> None:
        try:
            body = decode_body(outer.kind, row.line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        match body:
            case SessionOpened():
                self.opened, self.opened_at = body, outer.time
            case SessionEnded():
                self.ended = body
            case Recovered():
                self.recovered.append((outer.time, body))
            case EvidenceTaken() | EvidencePartial():
                self.evidence[body.name] = Expected(body.bytes, body.sha256)
            case Ended():
                self.results[body.number] = Expected(body.result_bytes, body.result_sha256)
                for file in body.files:
                    self.evidence[file.name] = Expected(file.bytes, file.sha256)
