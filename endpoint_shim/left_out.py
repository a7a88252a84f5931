"""What a search did not look into, collected and said in a few sentences."""

NAMED = 20
"""So many places are named of each kind; of the rest the number is said."""
LONGEST = 400


class LeftOut:
    """Bounded, however many there are."""

    def __init__(self) -> None:
        self._named: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def elsewhere(self, place: str, kind: str) -> None:
        """What is no local file system, by its kind."""
        self._add("no local file systems", f"{_end(place)} ({kind})")

    def refusing(self, place: str, error: OSError) -> None:
        why = (error.strerror or "").lower().rstrip(".")
        self._add("folders that refuse", f"{_end(place)} ({why})")

    def policy(self, place: str) -> None:
        self._add("off limits on this device", _end(place))

    def again(self, place: str) -> None:
        self._add("the same folders in another place", _end(place))

    def moved(self, place: str) -> None:
        self._add("the rest of folders that were moved meanwhile", _end(place))

    def link(self, place: str) -> None:
        self._add("behind links and mount points", _end(place))

    def not_here(self, place: str) -> None:
        """What would have to be fetched from elsewhere first."""
        self._add("folders whose entries are not on this device", _end(place))

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
            named.append(place)


def _end(place: str) -> str:
    """A path may be 5,000 folders deep; its end says where it is."""
    return place if len(place) <= LONGEST else f"…{place[-LONGEST:]}"
