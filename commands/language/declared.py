"""A command's declaration as a digest: what a device and a broker compare at Hello; pure."""

import hashlib

import msgspec

from commands.language.command import Command


def digest(command: type[Command]) -> str:
    """Sixteen hex digits over what decides whether the wire's value is understood alike."""
    spec = command.spec
    shape = [
        [p.name, p.type.__name__, p.choices, p.required, repr(p.default)] for p in spec.parameters
    ]
    said = msgspec.json.encode([spec.word, spec.changes, sorted(spec.platforms), shape])
    return hashlib.sha256(said).hexdigest()[:16]
