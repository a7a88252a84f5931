"""The record of a package; where packages are listed, these are what is listed."""

from server.audit.records import Body


class PackageKept(Body, frozen=True):
    """What a `collect` brought into the evidence; `whole`, or a valid zip of what came."""

    number: int
    name: str
    bytes: int
    sha256: str
    whole: bool
