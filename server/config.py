"""The broker's settings: one state folder, one `fireline.toml` in it; every limit is a setting."""

import math
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from commands.language.command import Spec, minutes
from commands.language.errors import NotUnderstood

MIB = 1 << 20
FILE = "fireline.toml"
LARGEST = {"limits.beat_s": 8}
"""A dead line is found within 30 s at both its ends (security.md, section 12)."""
SHORT = minutes(10)
"""What a declaration says without saying anything."""


@dataclass(frozen=True)
class Limits:
    """Limits of mission.md, section 14; bytes and seconds."""

    sessions: int = 25
    sessions_per_person: int = 10
    sessions_per_device: int = 25
    """1: whoever comes second may watch the one there is, or ask for it."""
    exec_per_person: int = 20
    command_s: float = 10 * 60
    long_command_s: float = 30 * 60
    """Of the words that may take long: getfile, putfile, findfile, fileinfo, run."""
    idle_s: float = 30 * 60
    idle_warn_s: float = 5 * 60
    idle_last_warn_s: float = 60
    """How long before its idle end a session's person is warned, twice."""
    left_open_s: float = 15 * 60
    ask_s: float = 2 * 60
    """How long who asks to take a session over waits for the answer."""
    beat_s: float = 7
    """How often a device says that it lives; with a session at least each 5 s. Who is not heard for
    about three times that is lost."""
    stream_dial_s: float = 15
    stream_away_s: float = 80
    """How long a broken stream is waited for; a device gives up after 70 s."""
    file_bytes: int = 3 * 1024 * MIB
    sparse_bytes: int = 128 * 1024 * MIB
    """A sparse file's whole size, for its hash; of its data the limit before counts."""
    fileinfo_bytes: int = 30 * 1024 * MIB
    """What fileinfo reads for its digests."""
    library_bytes: int = 250 * MIB
    recording_bytes: int = 1024 * MIB
    results_bytes: int = 1024 * MIB
    evidence_bytes: int = 20 * 1024 * MIB
    reserve_bytes: int = 512 * MIB
    violations_per_hour: int = 100
    lines_per_minute: int = 120
    """Control lines of one device that are let in; each is two records, fsynced."""
    refusals_per_hour: int = 100
    """Refused connections of one device that are recorded."""
    handshakes: int = 64
    devices_at_once: int = 50
    """Of one `on` over several devices; isolate and its like reach 500 unless they have -stop."""
    changed_devices_per_day: int = 10
    """By one person alone; more need a second one."""
    changed_devices_per_minute: int = 50
    tags_per_device: int = 50
    certificate_days: float = 365.0
    """How long a device's certificate lasts; it is renewed from two thirds of that on."""
    queue_s: float = 3 * 86_400
    """How long an action waits for its device."""
    approval_s: float = 7 * 86_400
    """How long it waits for a second person."""
    approved_s: float = 60 * 60
    """How long a yes to shell or exec waits for its person to type it again."""
    renewals_per_hour: int = 10
    """Certificates of one device that the enrolment port renews."""
    logins: int = 64
    logins_per_source: int = 16
    connections_per_person: int = 100

    def seconds_of(self, spec: Spec) -> float | None:
        """How long a word may take: its declaration says whether that is long, or without end."""
        if spec.limit is None:
            return None
        return self.command_s if spec.limit <= SHORT else self.long_command_s


@dataclass(frozen=True)
class Config:
    """Where the broker listens and keeps its state."""

    state: Path
    ssh_host: str = "127.0.0.1"
    ssh_port: int = 2222
    device_host: str = "127.0.0.1"
    device_port: int = 8443
    enrolment_port: int = 8444
    names: tuple[str, ...] = ("127.0.0.1", "localhost")
    """Names and addresses by which devices reach the broker."""
    strict_journal: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def access_file(self) -> Path:
        return self.state / "access.yaml"

    @property
    def admin_socket(self) -> Path:
        return self.state / "admin.sock"


def load(state: Path) -> Config:
    """The settings of a state folder; raises NotUnderstood naming the setting that is wrong."""
    try:
        told = tomllib.loads((state / FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise NotUnderstood(f"{state} is no Fireline state folder; fireline init makes one") from (
            None
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NotUnderstood(f"{state / FILE}: {error}") from None
    limits = _made(Limits, told.pop("limits", {}), "limits.")
    if "names" in told:
        told["names"] = tuple(told["names"])
    config: Config = _made(Config, {**told, "state": state, "limits": limits}, "")
    return config


def _check_number(name: str, value: float, *, whole: bool) -> None:
    """A limit below nought, or a time of nought, would end what it is to bound."""
    if not math.isfinite(value) or value < 0 or (name.endswith("_s") and value == 0):
        raise NotUnderstood(f"{FILE}: {name} takes a number over 0, not {value}")
    if value > LARGEST.get(name, math.inf):
        raise NotUnderstood(f"{FILE}: {name} takes at most {LARGEST[name]:g}, not {value}")
    if whole and not isinstance(value, int) and not name.endswith("_s"):
        raise NotUnderstood(f"{FILE}: {name} takes a whole number, not {value}")


def _made(kind: type[Any], told: Any, prefix: str) -> Any:
    """A settings value; unknown names and wrong types are refused by name."""
    known = {f.name: f.type for f in fields(kind)}
    for name, value in told.items():
        if name not in known:
            raise NotUnderstood(f"{FILE}: no setting is called {prefix}{name}")
        default = getattr(kind, name, None)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(default, int | float) and not isinstance(default, bool) and not number:
            raise NotUnderstood(f"{FILE}: {prefix}{name} takes a number")
        if number:
            _check_number(f"{prefix}{name}", value, whole=isinstance(default, int))
        if isinstance(default, str) and not isinstance(value, str):
            raise NotUnderstood(f"{FILE}: {prefix}{name} takes a text")
    return kind(**told)
