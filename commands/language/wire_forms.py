"""What the messages between broker and device are made of: bounded types."""

from typing import Annotated

from msgspec import Meta

MAX_BYTES = 65_536
"""Of one BINARY frame."""
PIECE = 262_144
"""What one request about a file reads or writes at most."""

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+\Z")]
Short = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Moment = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Side = Annotated[int, Meta(ge=0, le=65_535)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
