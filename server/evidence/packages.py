"""Packages as people find them: by device and time, whichever session they lie in.

1. A package is what a record of its session calls one (`PackageKept`): a file of such a name that
   `getfile` took is none.
2. Its name is that of its zip with the session put in, so that no two are the same:
   `web-01-20261129T095612Z.S1044.zip`, `….S1044.partial.zip`.
"""

import re
from typing import NamedTuple

from server.audit.journal import decode
from server.audit.package_records import PackageKept
from server.store import records
from server.store.sqlite import Store

_FILE = re.compile(r"(.+?)((?:\.partial)?\.zip)")
_NAME = re.compile(r"(.+)\.(S[1-9][0-9]{0,15})((?:\.partial)?\.zip)")


class Package(NamedTuple):
    """Where one lies, and what it is called."""

    session: str
    file: str

    @property
    def name(self) -> str:
        found = _FILE.fullmatch(self.file)
        return self.file if found is None else f"{found[1]}.{self.session}{found[2]}"


def named(name: str) -> Package | None:
    """The package that a name would be of; None for what is no name of one."""
    found = _NAME.fullmatch(name)
    return None if found is None else Package(found[2], f"{found[1]}{found[3]}")


async def kept(store: Store, session: str | None = None) -> list[Package]:
    """Every package, or those of one session; the newest sessions first."""
    found = []
    for row in await records.packages(store, session):
        body = decode(row).body
        if isinstance(body, PackageKept):
            found.append(Package(row.journal, body.name))
    return sorted(found, key=lambda one: (-int(one.session[1:]), one.file))
