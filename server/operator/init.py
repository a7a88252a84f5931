"""`fireline init`: a new state folder with its keys, settings and first rules."""

import getpass
from pathlib import Path

from commands.language.errors import Refused
from server.config import FILE
from server.identity.access_file import declared_words, parse_access_file
from server.identity.device_ca import create_ca
from server.identity.host_key import create_host_key, fingerprint
from server.identity.private_files import private_folder, write_private

SETTINGS = """\
# Where this broker listens, and by which names devices reach it.
ssh_host = "{host}"
ssh_port = {ssh}
device_host = "{device_host}"
device_port = {devices}
enrolment_port = {enrolment}
names = [{names}]
"""

RULES = """\
# Who may do what. Read again within a second of a change; a bad file changes nothing.
people:
  {operator}:
    accounts: [{account}]
  # alice:
  #   keys: ["ssh-ed25519 AAAA… alice@laptop"]
rules:
  - name: operators
    people: [{operator}]
    role: operator
    devices: all
  # Whoever lists, replays and verifies sessions; never somebody who also responds.
  # - name: auditors
  #   people: [{operator}]
  #   role: auditor
  #   devices: all
  # - name: responders
  #   people: [alice]
  #   role: advanced
  #   devices: all
  #   rights: {{library: write}}
  #   comment: required
"""


def make_state(
    state: Path,
    *,
    host: str,
    ssh: int,
    devices: int,
    enrolment: int,
    names: list[str],
    rules: str | None = None,
    device_host: str | None = None,
) -> str:
    """Makes the folder; the host key's fingerprint. Refused where there is a broker already."""
    if (state / FILE).exists():
        raise Refused(f"{state} is a broker's state folder already; fireline serve starts it")
    private_folder(state)
    account = getpass.getuser()
    operator = account if account.isalnum() and account.islower() else "operator"
    rules = rules or RULES.format(operator=operator, account=account)
    parse_access_file("access.yaml", rules.encode("utf-8"), declared_words())
    create_ca(state)
    key = create_host_key(state)
    write_private(state / "access.yaml", rules.encode("utf-8"))
    quoted = ", ".join(f'"{name}"' for name in names)
    settings = SETTINGS.format(
        host=host,
        device_host=device_host or host,
        ssh=ssh,
        devices=devices,
        enrolment=enrolment,
        names=quoted,
    )
    # Written last: a folder without it is no state folder, so a broken init can be repeated.
    write_private(state / FILE, settings.encode("utf-8"))
    return fingerprint(key)
