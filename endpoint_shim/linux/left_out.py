"""What a search did not look into, collected and said in a few sentences."""

from endpoint_shim.linux.mounts import Mount
from endpoint_shim.linux.paths import text

NAMED = 20
"""So many places are named of each kind; of the rest the number is said."""


class LeftOut:
    """Bounded, however many there are."""

    def __init__(self) -> None:
        self._named: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def mount(self, path: bytes, mount: Mount) -> None:
        self._add("no local file systems", f"{text(path)} ({mount.kind})")

    def refusing(self, path: bytes, error: OSError) -> None:
        self._add("folders that refuse", f"{text(path)} ({(error.strerror or '').lower()})")

    def policy(self, path: bytes) -> None:
        self._add("off limits on this device", text(path))

    def again(self, path: bytes) -> None:
        self._add("the same folders in another place", text(path))

    def moved(self, path: bytes) -> None:
        self._add("the rest of folders that were moved meanwhile", text(path))

    def sentences(self) -> list[str]:
        """One for each kind, in the order they were met."""
        said = []
        for what, named in self._named.items():
            more = self._counts[what] - len(named)
            also = f" and {more:,} more" if more else ""
            said.append(f"left out, {what}: {', '.join(named)}{also}")
        return said

    def _add(self, what: str, place: str) -> None:
        named = self._named.setdefault(what, [])
        self._counts[what] = self._counts.get(what, 0) + 1
        if len(named) < NAMED:
            # A path may be 5,000 folders deep; its end says where it is.
            named.append(place if len(place) <= 400 else f"…{place[-400:]}")
