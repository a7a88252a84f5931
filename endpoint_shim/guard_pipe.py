"""What supervisor and guard say to each other over their pipe (pipe.py has the framing)."""

import msgspec

from commands.language.wire_contain import Contained, Want
from commands.language.wire_forms import Count, Short


class Guarding(
    msgspec.Struct, tag_field="m", tag="guarding", kw_only=True, forbid_unknown_fields=True
):
    """The first message to a guard: whose device it guards."""

    state: str
    prove_s: float = 15.0
    """How long an isolation has for reaching the broker anew."""


class Line(msgspec.Struct, tag_field="m", tag="line", kw_only=True, forbid_unknown_fields=True):
    """On which place of the dial list the control line stands, at which address; empty: on none."""

    place: Short = ""
    address: Short = ""
    port: int = 0


class Told(msgspec.Struct, tag_field="m", tag="told", kw_only=True, forbid_unknown_fields=True):
    """The broker has been sent what that message said."""

    number: Count


class Said(msgspec.Struct, tag_field="m", tag="said", kw_only=True, forbid_unknown_fields=True):
    """How the device is contained now; each has a number of its own, the next one up."""

    number: Count
    contained: Contained


ToGuard = Guarding | Want | Line | Told
to_guard: "msgspec.json.Decoder[ToGuard]" = msgspec.json.Decoder(ToGuard)
from_guard: "msgspec.json.Decoder[Said]" = msgspec.json.Decoder(Said)
