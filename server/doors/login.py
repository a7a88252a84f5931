"""One connection of the ssh door, from its first byte to its end: who it is, and what it may open.

1. A key that is offered is not a login: identity is set, and journaled, only when authentication
   has completed. An unknown person, a wrong key and a refused name look alike until then.
2. Public keys and user certificates of the authorities in access.yaml. Passwords and everything
   interactive are refused. asyncssh's own check of a certificate is never asked: it takes a list of
   principals that is empty for anybody's, and knows nothing of serials.
3. A login name is split at its first `~`, before anything else: a person, and the device that the
   connection is for. Whether there is such a device, and for whom, is asked after the login.
4. No forwarding of any kind: asyncssh refuses ports, sockets and tunnels unless asked; agent and
   X11 are switched off where the listener is made.
"""

import asyncio
import re
import socket
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import asyncssh
from asyncssh.constants import MSG_IGNORE

from commands.language.visible import visible
from server.audit import clock
from server.audit.errors import NoSpace
from server.audit.records import LoggedOut, LoginRefused
from server.audit.records import Login as LoginRecord
from server.doors.channel import ServerChannel
from server.doors.limits import DoorLimits, Knocking, source_of
from server.identity.access import Rules, person_for_key
from server.identity.certificates import (
    BadCertificate,
    Certificate,
    is_certificate,
    judge,
    read_certificate,
)

if TYPE_CHECKING:
    from server.doors.client import Client

PERSON: Final = re.compile(r"[a-z][a-z0-9._-]{0,31}\Z")
GOODBYE_S: Final = 1.0
KEY_OPTION: Final = "fireline-key"
"""An option of ours in the authorized keys: which key asyncssh found, and then saw proven."""
CERTIFICATE_OPTION: Final = "fireline-certificate"
"""Beside it, the certificate that the key was proven with."""


class Entrance(Protocol):
    """What a connection needs of the door."""

    limits: DoorLimits
    knocking: Knocking

    @property
    def rules(self) -> Rules: ...
    def came(self, login: "Login") -> None: ...
    def went(self, login: "Login") -> None: ...
    def connections_of(self, person: str) -> int: ...
    def make_client(self, login: "Login") -> "Client": ...
    async def journal(self, body: Any) -> None: ...
    def journal_soon(self, body: Any) -> None: ...


class Login(asyncssh.SSHServer):
    """A connection. `person` and `key` are empty until authentication has completed."""

    def __init__(self, door: Entrance) -> None:
        self.person = ""
        self.key = ""
        self.device: str | None = None
        """What the login name has after its `~`; None for a name without one."""
        self.source = "?"
        self.version = ""
        self.cut_for: str | None = None
        self._door = door
        self._entered: str | None = None
        self._tried = ""
        self._offered = 0
        self._offered_key = ""
        self._why = ""
        self._told: set[str] = set()
        self._certificate: Certificate | None = None
        self._clients: set[Client] = set()
        self._quick = True
        self.journaled = asyncio.Event()
        """Set when the login's record is durable, or `refused`: nothing is served before."""
        self.refused: NoSpace | None = None

    # Coming and going.
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.conn = conn
        peer = conn.get_extra_info("peername") or ("?",)
        self.source = str(peer[0])
        # asyncssh ignores a full socket; its channels are told by us (channel.py, hold).
        setattr(conn, "pause_writing", lambda: self._hold(True))  # noqa: B010 (no method of ours)
        setattr(conn, "resume_writing", lambda: self._hold(False))  # noqa: B010
        # asyncssh is pinned; tests/doors/test_certificates.py holds that it asks here alone.
        setattr(conn, "_validate_client_certificate", self._judged)  # noqa: B010 (no method of ours)
        self._watch_sending()
        _option(conn, socket.IPPROTO_TCP, socket.TCP_NODELAY)
        self.quick()
        counted = source_of(self.source)
        refusal = self._door.knocking.enter(counted)
        if refusal is not None:
            # Before the version line a server may say anything (RFC 4253, 4.2); `ssh -v` shows it.
            conn._send(f"{refusal}\r\n".encode())
            conn.abort()
            return
        self._entered = counted
        self._door.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._entered is None:
            return
        self._door.went(self)
        if self.person:
            self._door.journal_soon(LoggedOut(self.person))
            return
        self._door.knocking.leave(self._entered)
        if self._offered or self._why:  # a client that only went away has failed at nothing
            self._door.knocking.failed(self._entered)
        if self._tried:
            why = self._why or "no key of this person was proven"
            self._door.journal_soon(LoginRefused(self._tried, self._offered_key, self.source, why))

    def debug_msg_received(self, msg: str, lang: str, always_display: bool) -> None:
        """A client's debug messages go nowhere."""

    def quick(self) -> None:
        """Acknowledges at once while the session is set up: a stock client's second small packet
        waits for it (Nagle), and the kernel goes back to waiting 40 ms whenever we have sent.
        """
        if self._quick:
            _option(self.conn, socket.IPPROTO_TCP, socket.TCP_QUICKACK)

    def _watch_sending(self) -> None:
        """Follows each packet with `quick`, and leaves out the SSH_MSG_IGNORE that asyncssh puts
        before every packet: it guards ciphers in CBC mode (RFC 4251, 9.3.1), of which the door
        offers none, and it doubles the packets of an echo.
        """
        send = self.conn.send_packet

        def send_packet(kind: int, *args: bytes, handler: Any = None) -> None:
            if kind != MSG_IGNORE:
                send(kind, *args, handler=handler)
                self.quick()

        setattr(self.conn, "send_packet", send_packet)  # noqa: B010 (no method of ours)

    def session_open(self) -> None:
        self._quick = False

    # Authentication.
    async def begin_auth(self, username: str) -> bool:
        if self._entered is None:
            return True
        self._tried = visible(username[:64])
        await asyncio.sleep(self._door.knocking.delay(self._entered))
        self._set_keys(username)
        return True

    def _set_keys(self, username: str) -> None:
        """Exactly the keys of exactly this person; a name of another form has none."""
        keys: list[str] = []
        name, _ = parted(username)
        if "%" in username:
            self._refuse("a login name is PERSON, or PERSON~DEVICE with a ~; it has no %")
        elif PERSON.match(name) and (person := self._door.rules.people.get(name)):
            keys = [f'{KEY_OPTION}="{key.fingerprint}" {key.text}\n' for key in person.keys]
        self.conn.set_authorized_keys(asyncssh.import_authorized_keys("".join(keys)))

    def public_key_auth_supported(self) -> bool:
        return True  # for the unknown person too: the answer must not differ

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Asked for keys that are not the person's; the person's own never come here."""
        self._count(key.get_fingerprint("sha256"))
        return False

    def _count(self, fingerprint: str) -> None:
        self._offered_key = fingerprint
        self._offered += 1
        if self._offered > self._door.limits.keys_offered:
            self.conn.disconnect(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
                "too many keys offered; use ssh -o IdentitiesOnly=yes -i KEY",
            )

    async def _judged(self, username: str, blob: bytes) -> asyncssh.SSHKey | None:
        """The key of a certificate that lets this person in; asked for every key, plain ones too.

        asyncssh forgets both kinds of options at the next request: what stays is what was proven.
        """
        if not is_certificate(blob):
            return None
        fingerprint = ""
        try:
            certificate = read_certificate(blob)
            fingerprint = certificate.fingerprint
            person, _ = parted(username)
            judge(certificate, self._door.rules, person, self.source, clock.seconds())
        except BadCertificate as error:
            self._count(fingerprint)
            self._why = str(error)
            if error.told not in self._told:
                self._told.add(error.told)
                self.conn.send_auth_banner(f"refused: {error.told}\n")
            return None
        certificate.key.set_touch_required(True)
        kept = {KEY_OPTION: [fingerprint], CERTIFICATE_OPTION: certificate}
        setattr(self.conn, "_key_options", kept)  # noqa: B010 (no method of ours)
        setattr(self.conn, "_cert_options", certificate.options)  # noqa: B010
        return certificate.key

    async def auth_completed(self) -> None:
        username = self.conn.get_extra_info("username")
        proven = self.conn.get_key_option(KEY_OPTION)
        if not isinstance(username, str) or not isinstance(proven, list) or self._entered is None:
            self.conn.abort()
            return
        key = str(proven[0])
        self._door.knocking.leave(self._entered)
        self._door.knocking.succeeded(self._entered)
        self.version = visible(str(self.conn.get_extra_info("client_version", ""))[:100])
        name, device = parted(username)
        self.person, self.key = name, key
        if self.conn.get_certificate_option("force-command") is None:
            self.device = device  # else that line runs, on the broker, whatever else is asked
        method = "publickey"
        found = self.conn.get_key_option(CERTIFICATE_OPTION)
        if isinstance(found, Certificate):
            self._certificate, method = found, f"certificate {found.shown()}"
        self.judge(self._door.rules)
        if self._door.connections_of(name) > self._door.limits.connections_per_person:
            self.cut("too many connections of yours are open; end one first")
        try:
            shown = visible((device or "")[:64])
            await self._door.journal(
                LoginRecord(name, key, self.source, self.version, method, shown)
            )
        except NoSpace as error:
            self.refused = error
        self.journaled.set()

    def judge(self, rules: Rules) -> None:
        """Cuts the connection of a person or key that the rules do not know (any more)."""
        if not self.person:
            return
        if self._certificate is not None:
            try:
                judge(self._certificate, rules, self.person, self.source, None)
            except BadCertificate:
                self.cut("the access rules no longer take this certificate")
        elif person_for_key(rules, self.person, self.key) is None:
            self.cut("the access rules no longer know this key")

    def cut(self, why: str) -> None:
        """Ends the connection at once; who serves its channels finds the reason in `cut_for`."""
        self.cut_for = why
        for client in list(self._clients):
            client.show_error(f"refused: {why}; the connection ends\n".encode())
        self.conn.disconnect(asyncssh.DISC_BY_APPLICATION, why)

    def leave_soon(self) -> None:
        """Ends a refused connection, after its client had time to read the exit status."""
        asyncio.get_running_loop().call_later(GOODBYE_S, self.conn.abort)

    def _refuse(self, why: str) -> None:
        self._why = why
        self.conn.send_auth_banner(f"refused: {why}\n")

    # Sessions.
    def session_requested(self) -> Any:
        if not self.person or len(self._clients) >= self._door.limits.sessions_per_connection:
            return False
        channel = ServerChannel(self.conn, asyncio.get_running_loop())
        return channel, self._door.make_client(self)

    def opened(self, client: "Client") -> None:
        self._clients.add(client)

    def closed(self, client: "Client") -> None:
        self._clients.discard(client)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> NoReturn:
        raise self._no_forwarding()

    def unix_connection_requested(self, dest_path: str) -> NoReturn:
        raise self._no_forwarding()

    def _no_forwarding(self) -> asyncssh.ChannelOpenError:
        """Not asyncssh's "connection refused", which sounds as if the far port were closed."""
        return asyncssh.ChannelOpenError(
            asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED,
            f"nothing is forwarded; a device is reached as {self.person}~NAME",
        )

    def _hold(self, held: bool) -> None:
        for client in list(self._clients):
            client.channel.hold(held)


def parted(username: str) -> tuple[str, str | None]:
    """The person of a login name, and the device behind its first `~`, where it has one."""
    person, mark, device = username.partition("~")
    return person, device if mark else None


def _option(conn: asyncssh.SSHServerConnection, level: int, option: int) -> None:
    sock = conn.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(level, option, 1)
        except OSError:
            return  # the connection is gone already
