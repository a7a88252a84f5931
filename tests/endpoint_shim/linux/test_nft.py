"""The nft program as the shim calls it, and what it says where it cannot."""

import pytest

from commands.language.errors import Failed
from endpoint_shim.linux import nft
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT, hosts

pytestmark = [PROGRAMS, ROOT]


def test_rules_are_taken_whole_or_not_at_all() -> None:
    with hosts("dev") as (device,), device.inside():
        nft.put("table inet one {\n}\n")
        assert nft.families("one") == ["inet"]
        with pytest.raises(Failed, match=r"nft -f ended with 1: .*syntax error"):
            nft.put("delete table inet one\ntable inet two {\n\tchain x { nonsense; }\n}\n")
        assert nft.families("one") == ["inet"] and nft.families("two") == []
        with pytest.raises(Failed, match="No such file or directory"):
            nft.listed("inet", "two")


def test_where_it_is_not_installed_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft, "PLACES", ("/nowhere/nft",))
    with pytest.raises(Failed, match="install the package nftables"):
        nft.families("one")
