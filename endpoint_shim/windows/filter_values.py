"""A rule as the Filtering Platform has it (FWPM_FILTER0), and back.

What is not as a rule of ours would be (a flag, another's weight, an unknown condition) is told in
the rule that is read, so that its line, and with it the table's digest, is another one.
"""

import ctypes
import sys
from collections.abc import Iterator
from ctypes import POINTER
from ipaddress import IPv4Network, ip_address, ip_network
from uuid import UUID, uuid5

from endpoint_shim.windows import filter_native as native
from endpoint_shim.windows import filter_numbers as number
from endpoint_shim.windows.access import GROUP, LIST, OWNER, Descriptor
from endpoint_shim.windows.accounts import advapi32, sid_of, text_of
from endpoint_shim.windows.filter_rules import Condition, Network, Rule

assert sys.platform == "win32"

advapi32.GetSecurityDescriptorLength.argtypes = [ctypes.c_void_p]
advapi32.GetSecurityDescriptorLength.restype = ctypes.c_uint32

_LAYERS = {key: name for name, key in number.LAYERS.items()}
_FIELDS = {key: name for name, key in number.FIELDS.items()}
_TOLD = number.PERSISTENT | number.BOOT_TIME | number.CLEAR_RIGHT | number.DISABLED
"""The flags that the engine adds by itself (FWPM_FILTER_FLAG_INDEXED) are no part of a rule."""
PREFIXES = {f"{IPv4Network((0, length)).netmask}": length for length in range(33)}


def key(rule: Rule) -> UUID:
    """The same filter has the same key on every device."""
    return uuid5(number.PROVIDER, rule.line())


class Packed:
    """A rule's FWPM_FILTER0, and what it points to."""

    def __init__(self, rule: Rule) -> None:
        self._kept: list[object] = []
        self._provider = native.guid(number.PROVIDER)
        conditions = [self._condition(one) for one in rule.conditions]
        self.filter = native.Filter(
            key=native.guid(key(rule)),
            display=native.DisplayData(f"Fireline isolation: {rule.name}", None),
            flags=_flags(rule),
            provider=ctypes.pointer(self._provider),
            layer=native.guid(number.LAYERS[rule.layer]),
            sublayer=native.guid(number.SUBLAYER),
            weight=_datum(number.UINT8, uint8=rule.weight),
            count=len(conditions),
            conditions=(native.FilterCondition * len(conditions))(*conditions),
            action=native.Action(type=number.PERMIT if rule.permit else number.BLOCK),
        )

    def _condition(self, one: Condition) -> native.FilterCondition:
        match = number.ALL_SET if one.field == "loopback" else number.EQUAL
        field = native.guid(number.FIELDS[one.field])
        return native.FilterCondition(field=field, match=match, value=self._value(one))

    def _value(self, one: Condition) -> native.Datum:
        value = one.value
        if isinstance(value, int):
            return _number(one.field, value)
        if not isinstance(value, str):
            return self._network(value)
        if one.field == "program":
            return self._blob(number.BLOB, value.encode("utf-16-le") + b"\0\0")
        if one.field == "account":
            return self._blob(number.SECURITY_DESCRIPTOR, descriptor(value))
        return self._kept_at(number.SID, ctypes.create_string_buffer(sid_of(value)))

    def _network(self, value: Network) -> native.Datum:
        packed = value.network_address.packed
        if isinstance(value, IPv4Network):
            told = native.V4Mask(int(value.network_address), int(value.netmask))
            return self._kept_at(number.V4_MASK, told)
        address = (ctypes.c_ubyte * 16)(*packed)
        return self._kept_at(number.V6_MASK, native.V6Mask(address, value.prefixlen))

    def _blob(self, kind: int, data: bytes) -> native.Datum:
        there = ctypes.create_string_buffer(data, len(data))
        self._kept.append(there)
        return self._kept_at(kind, native.Blob(len(data), ctypes.addressof(there)))

    def _kept_at(self, kind: int, thing: "ctypes._CData") -> native.Datum:
        self._kept.append(thing)
        return _datum(kind, at=ctypes.addressof(thing))


def read(found: native.Filter) -> Rule:
    """The rule that a filter of the engine's is."""
    layer = native.uuid(found.layer)
    permit = found.action.type == number.PERMIT
    kept = Rule(
        layer=_LAYERS.get(layer, str(layer)),
        permit=permit,
        weight=int(found.weight.value.uint8) if found.weight.type == number.UINT8 else -1,
        boot=bool(found.flags & number.BOOT_TIME),
        name=(found.display.name or "").removeprefix("Fireline isolation: "),
    )
    conditions = [_read_condition(found.conditions[at]) for at in range(found.count)]
    conditions += [Condition(*pair) for pair in _odd(found, kept)]
    return Rule(kept.layer, permit, kept.weight, tuple(conditions), kept.boot, kept.name)


def is_ours(found: native.Filter) -> bool:
    """By its provider; or it stands in our sublayer, where another's would decide in our place."""
    provider = native.uuid(found.provider.contents) if found.provider else None
    return provider == number.PROVIDER or native.uuid(found.sublayer) == number.SUBLAYER


def descriptor(sddl: str) -> bytes:
    """A security descriptor's bytes; raises OSError for a text that is none."""
    with Descriptor() as found:
        found.parse(sddl)
        return ctypes.string_at(found.at.value or 0, advapi32.GetSecurityDescriptorLength(found.at))


def normal(sddl: str) -> str:
    """As the system writes it when it is read back."""
    with Descriptor() as found:
        return found.parse(sddl).text(OWNER | GROUP | LIST)


def _flags(rule: Rule) -> int:
    final = 0 if rule.permit else number.CLEAR_RIGHT
    return final | (number.BOOT_TIME if rule.boot else number.PERSISTENT)


def _number(field: str, value: int) -> native.Datum:
    if field == "loopback":
        return _datum(number.UINT32, uint32=number.IS_LOOPBACK)
    if field == "protocol":
        return _datum(number.UINT8, uint8=value)
    return _datum(number.UINT16, uint16=value)


def _datum(kind: int, **value: int) -> native.Datum:
    return native.Datum(kind, native.Datum._fields_[1][1](**value))


def _odd(found: native.Filter, rule: Rule) -> Iterator[tuple[str, str]]:
    if found.action.type not in (number.PERMIT, number.BLOCK):
        yield "action", hex(found.action.type)
    if found.weight.type != number.UINT8:
        yield "weight of type", str(found.weight.type)
    if (flags := found.flags & _TOLD) != _flags(rule):
        yield "flags", hex(flags)
    if not found.provider or native.uuid(found.provider.contents) != number.PROVIDER:
        yield "provider", "another"
    if native.uuid(found.sublayer) != number.SUBLAYER:
        yield "sublayer", "another"


def _read_condition(one: native.FilterCondition) -> Condition:
    field = native.uuid(one.field)
    name, kind = _FIELDS.get(field, str(field)), one.value.type
    wanted = number.ALL_SET if name == "loopback" else number.EQUAL
    if one.match != wanted:
        return Condition(f"{name} (match {one.match})", f"of type {kind}")
    if name == "loopback" and one.value.value.uint32 == number.IS_LOOPBACK:
        return Condition(name, 1)
    return Condition(name, _read_value(name, one.value))


def _read_value(name: str, datum: native.Datum) -> int | str | Network:
    kind, value = datum.type, datum.value
    if kind == number.UINT8:
        return int(value.uint8)
    if kind == number.UINT16:
        return int(value.uint16)
    if kind == number.UINT32 and name == "remote":
        return ip_network(int(value.uint32))
    if kind in (number.BYTES16, number.V4_MASK, number.V6_MASK, number.SID):
        return _pointed(kind, value.at)
    if kind in (number.BLOB, number.SECURITY_DESCRIPTOR):
        blob = ctypes.cast(value.at, POINTER(native.Blob)).contents
        data = ctypes.string_at(blob.data, blob.size) if blob.size else b""
        if kind == number.BLOB:
            return data.decode("utf-16-le", "replace").rstrip("\0")
        return _sddl(data)
    return f"of type {kind}"


def _pointed(kind: int, at: int) -> str | Network:
    if kind == number.BYTES16:
        return ip_network(ctypes.string_at(at, 16))
    if kind == number.V4_MASK:
        found = ctypes.cast(at, POINTER(native.V4Mask)).contents
        mask = str(ip_address(found.mask))
        if mask not in PREFIXES:
            return f"{ip_address(found.address)} with the mask {mask}"
        return ip_network((int(found.address), PREFIXES[mask]), strict=False)
    if kind == number.V6_MASK:
        wide = ctypes.cast(at, POINTER(native.V6Mask)).contents
        return ip_network((bytes(wide.address), min(wide.prefix, 128)), strict=False)
    return text_of(ctypes.string_at(at, advapi32.GetLengthSid(at)))


def _sddl(data: bytes) -> str:
    there = ctypes.create_string_buffer(data, len(data))
    found = Descriptor()
    found.at = ctypes.c_void_p(ctypes.addressof(there))
    return found.text(OWNER | GROUP | LIST)
