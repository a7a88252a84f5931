"""How the store refuses."""

from commands.language.errors import Refused


class StoreBusy(Refused):
    """Another broker holds this state folder."""

    code = "store_busy"


class JournalBroken(Refused):
    """A write did not become durable. Final: nothing is acknowledged after it."""

    code = "journal_broken"


class StoreUnreadable(Refused):
    """SQLite refuses to read what is on the disk."""

    code = "store_unreadable"
