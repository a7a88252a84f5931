"""What a rule covers."""

from server.identity.rules import DeviceRef, Rule, Scope, kind_of, right_name


def test_names_and_tags_are_compared_without_case() -> None:
    scope = Scope(False, frozenset({"web-01"}), frozenset({"prod"}))
    assert scope.covers(DeviceRef("WEB-01"))
    assert scope.covers(DeviceRef("x", frozenset({"a", "PROD"})))
    assert not scope.covers(DeviceRef("web-011", frozenset({"product"})))
    assert not scope.covers(DeviceRef("prod", frozenset({"web-01"})))
    assert Scope(every=True).covers(DeviceRef("anything"))
    assert not Scope(every=False).covers(DeviceRef("anything"))


def test_a_door_not_named_follows_the_one_it_is_a_form_of() -> None:
    def rule(**comment: bool) -> Rule:
        return Rule(
            "r", 1, (), frozenset(), "basic", Scope(True), None, frozenset(), frozenset(), comment
        )

    assert rule(exec=True).needs_comment("shell")
    assert rule(sftp=True).needs_comment("scp")
    assert not rule(exec=True, shell=False).needs_comment("shell")
    assert not rule(exec=True).needs_comment("console")
    assert not rule().needs_comment("console")


def test_a_right_has_one_form() -> None:
    assert right_name("library") == right_name("library: write") == "library:write"
    assert right_name("nothing") == "nothing:"


def test_only_basic_and_advanced_are_of_one_kind() -> None:
    assert kind_of("basic") == kind_of("advanced") == "responder"
    assert kind_of("auditor") == "auditor"
    assert kind_of("operator") == "operator"
