"""What goes to standard output and to standard error now, as UTF-8 bytes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """Two pieces of output; empty while something is held back."""

    out: bytes = b""
    err: bytes = b""

    def __bool__(self) -> bool:
        return bool(self.out or self.err)

    def __add__(self, other: "Shown") -> "Shown":
        return Shown(self.out + other.out, self.err + other.err)


NOTHING = Shown()


def out(text: str) -> Shown:
    """Text for standard output."""
    return Shown(out=encoded(text)) if text else NOTHING


def err(text: str) -> Shown:
    """Text for standard error."""
    return Shown(err=encoded(text)) if text else NOTHING


def encoded(text: str) -> bytes:
    """UTF-8; a surrogate that came this far is written out, never an error."""
    return text.encode("utf-8", "backslashreplace")
