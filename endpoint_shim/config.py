"""Where the shim keeps what it is: one private state folder, and an optional `shim.toml`.

`shim.toml` knows `policy` (where policy.toml lies), `proxy` (`http://HOST:PORT`; its login lies in
`proxy.login`, see proxy.py), `clamd` (the socket of ClamAV's daemon, where that is not the usual
one) and `terminal_prefix` (words before a terminal's program, which the Windows test rig needs); an
unknown key is refused.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from commands.language.enrolment import DeviceId, DeviceName, Url
from commands.language.errors import Failed, Refused
from endpoint_shim import durable
from endpoint_shim.proxy import Proxy, parse

KEY, CERTIFICATE, CA, IDENTITY = "key.pem", "device.pem", "ca.pem", "identity.json"
SETTINGS, POLICY, REFUSAL = "shim.toml", "policy.toml", "last-refusal.json"
SESSIONS, KEPT = "sessions", "kept"
if sys.platform == "win32":
    DEFAULT_STATE = Path(os.environ.get("PROGRAMDATA", "C:\\ProgramData")) / "fireline-endpoint"
else:
    DEFAULT_STATE = Path("/var/lib/fireline-endpoint")


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this device is, and the only places it ever dials; from its enrolment."""

    device_id: DeviceId
    name: DeviceName
    dial: list[Url]
    enrolment: str = ""
    """Where it enrolled, and where a certificate that ran out is renewed."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`shim.toml`."""

    policy: str = ""
    proxy: str = ""
    terminal_prefix: list[str] = []
    clamd: str = ""


@dataclass(frozen=True)
class Config:
    """The state folder, read and found private."""

    state: Path
    identity: Identity
    settings: Settings

    @property
    def key(self) -> Path:
        return self.state / KEY

    @property
    def certificate(self) -> Path:
        return self.state / CERTIFICATE

    @property
    def ca(self) -> Path:
        return self.state / CA

    @property
    def policy(self) -> Path:
        return Path(self.settings.policy) if self.settings.policy else self.state / POLICY

    @property
    def proxy(self) -> Proxy | None:
        return parse(self.settings.proxy, self.state)

    @property
    def sessions(self) -> Path:
        return self.state / SESSIONS


def load(state: Path) -> Config:
    """The device's identity and settings; Refused where others could read or change them."""
    if not (state / IDENTITY).exists():
        raise Failed(f"{state} holds no identity; fireline-endpoint enroll makes one")
    durable.refuse_unless_private(state)
    for name in (KEY, CERTIFICATE, CA, IDENTITY):
        durable.refuse_unless_private(state / name)
    try:
        identity = msgspec.json.decode((state / IDENTITY).read_bytes(), type=Identity)
    except msgspec.DecodeError:
        raise Failed(f"{state / IDENTITY} is damaged; enrol this device again") from None
    found = Config(state, identity, _settings(state / SETTINGS))
    _ = found.proxy  # a mistake in it is told at the start, not at the first dial
    return found


def proxy_before(state: Path) -> Proxy | None:
    """The proxy that enrolment takes: `shim.toml` may lie there before the identity does."""
    return parse(_settings(state / SETTINGS).proxy, state)


def _settings(path: Path) -> Settings:
    if not path.exists():
        return Settings()
    import tomllib  # most devices have no such file, and every worker reads it as it starts

    durable.refuse_unless_private(path)
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Settings)
    except (ValueError, msgspec.ValidationError) as error:
        raise Refused(f"{path}: {error}") from None
