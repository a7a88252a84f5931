"""SIDs that Windows makes out of names: a service's and an app package's; pure.

A service's is S-1-5-80 and the SHA-1 of its name (as `sc.exe showsid` prints it), a package's is
S-1-15-2 and the beginning of its family name's SHA-256 (DeriveAppContainerSidFromAppContainerName).
"""

import hashlib
import struct

SERVICE, PACKAGE = "S-1-5-80", "S-1-15-2"


def of_service(name: str) -> str:
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "-".join([SERVICE, *map(str, struct.unpack("<5I", digest))])


def of_package(family: str) -> str:
    digest = hashlib.sha256(family.lower().encode("utf-16-le")).digest()
    return "-".join([PACKAGE, *map(str, struct.unpack("<7I", digest[:28]))])
