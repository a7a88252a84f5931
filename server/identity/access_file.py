"""`access.yaml`, the reviewed file of people and rules: taken whole, or refused whole by line, key.

    people:
      alice:
        keys: [ssh-ed25519 AAAA… alice@laptop]
        groups: [responders]
      root:
        accounts: [root]              # local accounts at the broker's own socket
    rules:                            # the first that fits decides
      - name: prod-responders
        people: [responders]          # persons and groups
        role: advanced                # basic, advanced, auditor, operator
        devices: [tag:prod, lap-117]  # or: all
        deny: [shell]                 # and allow: [...], when only these are to be allowed
        rights: {library: write, overwrite: allow}
        comment: {console: required, exec: optional}   # or: required

`certificate_authorities` (access_authorities.py) may stand between the two.

An auditor can never act on a device, so nobody is auditor and basic or advanced at once.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from commands.language.command import discover
from commands.language.errors import FirelineError
from commands.language.visible import visible
from server.identity.access_authorities import read_authorities
from server.identity.access_people import read_people
from server.identity.access_rules import read_rules
from server.identity.private_files import open_plain
from server.identity.rules import Rules
from server.identity.yaml_lines import Fault, parse

LIMIT = 1024 * 1024


class AccessFileError(FirelineError):
    """The file as a whole is refused: why, in which line, under which key."""

    def __init__(self, path: str, line: int, key: str, message: str) -> None:
        self.path, self.line, self.key = path, line, visible(key)
        self.message = visible(message)
        place = f"{path} line {line}" if line else path
        super().__init__(f"{place}{', ' if self.key else ''}{self.key}: {self.message}")


def declared_words() -> dict[str, str]:
    """Every command word and alias, each with its command's word."""
    declared = discover()
    aliases = {alias: word for word, cls in declared.items() for alias in cls.spec.aliases}
    return aliases | {word: word for word in declared}


def read_access_file(path: Path) -> bytes:
    """The file's bytes; refused when it is no plain file, too long, or anybody may write it."""
    try:
        with open_plain(path) as file:
            if os.fstat(file.fileno()).st_mode & 0o002:
                raise AccessFileError(path.name, 0, "", "may be written by anybody; chmod o-w")
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise AccessFileError(path.name, 0, "", f"cannot be read: {error.strerror}") from None
    if len(data) > LIMIT:
        raise AccessFileError(path.name, 0, "", f"is longer than {LIMIT:,} bytes")
    return data


def parse_access_file(name: str, data: bytes, words: Mapping[str, str]) -> Rules:
    """The rules of the file's bytes. `words`: every command word and alias -> the command's word.

    A word that no command has is refused: `deny: [shel]` must not let `shell` through.
    """
    try:
        top = parse(data).fields(
            ("people", "certificate_authorities", "rules"), ("people", "rules")
        )
        owners: dict[str, str] = {}
        people = read_people(top["people"], owners)
        named = top.get("certificate_authorities")
        authorities = () if named is None else read_authorities(named, people, owners)
        rules = read_rules(top["rules"], people, words)
    except Fault as fault:
        raise AccessFileError(name, fault.line, fault.key, fault.message) from None
    lines = tuple(data.decode("utf-8-sig").split("\n"))
    return Rules(
        name,
        hashlib.sha256(data).hexdigest(),
        lines,
        MappingProxyType(people),
        tuple(rules),
        authorities,
    )


def load_access_file(path: Path, words: Mapping[str, str]) -> Rules:
    """Reads and parses; AccessFileError says what is wrong and where."""
    return parse_access_file(path.name, read_access_file(path), words)
