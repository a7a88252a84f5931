"""The Filtering Platform's own numbers: layers, conditions, types, errors (fwpmu.h, fwptypes.h).

The headers that mingw has lack the layers and the conditions; these are Microsoft's, and
`tools/windows_check.py` has a real engine take every one of them.
"""

from uuid import UUID

PROVIDER = UUID("b43e0d83-f966-41b4-ac15-7e96c97a0c31")
SUBLAYER = UUID("6fd6a847-d5d8-49cd-a9ee-6e5abfc50899")
"""Ours, the same on every device: what somebody left there is found again by them."""
HEAVIEST = 0xFFFF

LAYERS = {
    "connect4": UUID("c38d57d1-05a7-4c33-904f-7fbceee60e82"),
    "connect6": UUID("4a72393b-319f-44bc-84c3-ba54dcb3b6b4"),
    "accept4": UUID("e1cd9fe7-f4b5-4273-96c0-592e487b8650"),
    "accept6": UUID("a3b42c97-9f04-4672-b87e-cee9c483257f"),
    "sent4": UUID("09e61aea-d214-46e2-9b21-b26b0b2f28c8"),
    "sent6": UUID("e1735bde-013f-4655-b351-a49e15762df0"),
    "received4": UUID("5926dfc8-e3cf-4426-a283-dc393f5d0f9d"),
    "received6": UUID("634a869f-fc23-4b90-b0c1-bf620a36ae6f"),
    "forwarded4": UUID("a82acc24-4ee1-4ee1-b465-fd1d25cb10a4"),
    "forwarded6": UUID("7b964818-19c7-493a-b71f-832c3684d28c"),
    "told4": UUID("41390100-564c-4b32-bc1d-718048354d7c"),
    "told6": UUID("7fb03b60-7b8d-4dfa-badd-980176fc4e12"),
}
FIELDS = {
    "protocol": UUID("3971ef2b-623e-4f9a-8cb1-6e79b806b9a7"),
    "remote": UUID("b235ae9a-1d64-49b8-a44c-5ff3d9095045"),
    "remote port": UUID("c35a604d-d22b-4e1a-91b4-68f674ee674b"),
    "local port": UUID("0c1ba1af-5765-453f-af22-a8f791ac775b"),
    "loopback": UUID("632ce23b-5167-435c-86d7-e903684aa80c"),
    "program": UUID("d78e1e87-8644-4ea5-9437-d809ecefc971"),
    "account": UUID("af043a0a-b34d-4f86-979c-c90371af6e66"),
    "package": UUID("71bc78fa-f17c-4997-a602-6abb261f351c"),
}
"""`loopback` is FWPM_CONDITION_FLAGS, asked for FWP_CONDITION_FLAG_IS_LOOPBACK alone."""

# FWP_DATA_TYPE.
UINT8, UINT16, UINT32 = 1, 2, 3
BYTES16, BLOB, SID, SECURITY_DESCRIPTOR, V4_MASK, V6_MASK = 11, 12, 13, 14, 0x100, 0x101
# FWP_MATCH_TYPE, FWP_ACTION_TYPE.
EQUAL, ALL_SET = 0, 6
BLOCK, PERMIT = 0x1001, 0x1002
IS_LOOPBACK = 0x1
# Flags of filters; providers and sublayers have the first alone.
PERSISTENT, BOOT_TIME, CLEAR_RIGHT, DISABLED = 0x1, 0x2, 0x8, 0x20
# FWP_FILTER_ENUM_TEMPLATE.
FULLY_CONTAINED, WITH_BOOT_TIME, WITH_DISABLED, ANY_ACTION = 0, 0x8, 0x10, 0xFFFFFFFF
READ_ONLY = 0x1
BY_LOGON = 10
"""RPC_C_AUTHN_WINNT."""

FILTER_NOT_FOUND, PROVIDER_NOT_FOUND, SUBLAYER_NOT_FOUND = 0x80320003, 0x80320005, 0x80320007
IN_USE = 0x8032000A
ERRORS = {
    5: "access is denied; the shim has to run as SYSTEM or as an administrator",
    1722: "the Base Filtering Engine does not answer; sc start BFE",
    1753: "the Base Filtering Engine does not run; sc start BFE",
    0x80320002: "FWP_E_CONDITION_NOT_FOUND",
    0x80320004: "FWP_E_LAYER_NOT_FOUND",
    0x80320009: "FWP_E_ALREADY_EXISTS",
    IN_USE: "FWP_E_IN_USE",
    0x8032000E: "another program changes the filters (FWP_E_TXN_IN_PROGRESS)",
    0x8032000F: "FWP_E_TXN_ABORTED",
    0x80320010: "FWP_E_SESSION_ABORTED",
    0x80320012: "other programs changed the filters the whole time (FWP_E_TIMEOUT)",
    0x80320016: "FWP_E_LIFETIME_MISMATCH",
    0x8032001E: "FWP_E_INVALID_FLAGS",
    0x8032001F: "FWP_E_INVALID_NET_MASK",
    0x80320022: "FWP_E_ZERO_LENGTH_ARRAY",
    0x80320024: "FWP_E_INVALID_ACTION_TYPE",
    0x80320025: "FWP_E_INVALID_WEIGHT",
    0x80320026: "FWP_E_MATCH_TYPE_MISMATCH",
    0x80320027: "FWP_E_TYPE_MISMATCH",
    0x8032002A: "FWP_E_DUPLICATE_CONDITION",
    0x80320033: "FWP_E_NEVER_MATCH",
    0x80320035: "FWP_E_INVALID_PARAMETER",
}
