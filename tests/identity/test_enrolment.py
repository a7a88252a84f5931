"""The enrolment exchange: what is taken, and that nothing refused repeats a secret."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.language.enrolment import (
    MESSAGE_LIMIT,
    EnrolAnswer,
    EnrolRefused,
    EnrolRequest,
    Token,
    decode_answer,
    decode_request,
    encode,
    enrolment_place,
    format_token,
    parse_token,
)
from commands.language.errors import NotUnderstood

SECRET = "s" * 43
CA = "0f" * 32
REQUEST = EnrolRequest(
    secret=SECRET, csr_pem="csr", name="web-01", platform="linux", version="1.0.0"
)


def test_a_token_comes_back_from_its_word_with_blanks_around_it() -> None:
    token = Token("https://[::1]:8444", CA, SECRET)
    assert parse_token(f"  {format_token(token)}\n") == token
    assert enrolment_place(token.url) == ("::1", 8444)


@pytest.mark.parametrize(
    "url",
    [
        "http://b:1",
        "https://b",
        "https://b:0",
        "https://b:70000",
        "https://b:1/x",
        "https://:1",
        "https://u@b:1",
        "https://b:1?q",
        "https://b:1#f",
        "https://b:1\n",
        "wss://b:1",
        "https://[:1",
    ],
)
def test_a_url_that_is_more_or_less_than_host_and_port_is_refused(url: str) -> None:
    with pytest.raises(NotUnderstood, match="https://HOST:PORT"):
        enrolment_place(url)
    with pytest.raises(NotUnderstood):
        format_token(Token(url, CA, SECRET))


def word(value: object) -> str:
    return "fl1." + base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


GOOD = {"url": "https://b:1", "ca": CA, "secret": SECRET}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fl1.",
        "fl2.x",
        "fl1.*",
        "fl1.x",
        "fl1." + "a" * 3000,
        "fl1.é",
        "fl1.a b",
        word([]),
        word({}),
        word(GOOD | {"more": 1}),
        word(GOOD | {"ca": CA + "\n"}),
        word(GOOD | {"ca": "00"}),
        word(GOOD | {"secret": "short"}),
        word(GOOD | {"url": "file:///x"}),
        word(GOOD | {"secret": 1}),
    ],
)
def test_a_damaged_token_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse_token(text)
    assert SECRET not in str(refused.value)
    assert len(text) < 8 or text not in str(refused.value)


def test_messages_come_back_equal() -> None:
    answer = EnrolAnswer(
        device_id="d1", name="web-01", certificate_pem="c", ca_pem="a", dial=["b:8443"]
    )
    refused = EnrolRefused(code="used", message="the token was used")
    assert decode_request(encode(REQUEST)) == REQUEST
    assert decode_answer(encode(answer)) == answer
    assert decode_answer(encode(refused)) == refused
    assert encode(REQUEST).count(b"\n") == 1
    assert SECRET not in repr(REQUEST)


def changed(**fields: object) -> bytes:
    return json.dumps(json.loads(encode(REQUEST)) | fields).encode()


def test_an_older_broker_overlooks_what_a_newer_device_adds() -> None:
    assert decode_request(changed(more=1)) == REQUEST


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"\xff",
        b"[" * 5000,
        changed(name="../x"),
        changed(name="a" * 64),
        changed(name="web\n"),
        changed(name=""),
        changed(platform="beos"),
        changed(secret="x"),
        changed(csr_pem=""),
        changed(csr_pem="x" * 20_000),
        changed(version=1),
        changed(m="other"),
        b" " * (MESSAGE_LIMIT + 1),
    ],
)
def test_a_malformed_request_is_refused_without_repeating_a_secret(line: bytes) -> None:
    with pytest.raises(NotUnderstood) as refused:
        decode_request(line)
    assert SECRET not in str(refused.value)


def test_an_answer_with_a_field_that_is_not_known_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        decode_answer(b'{"m":"refused","code":"x","message":"y","more":1}')
    with pytest.raises(NotUnderstood):
        decode_answer(encode(REQUEST))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_understood(data: bytes) -> None:
    for decode in (decode_request, decode_answer):
        with pytest.raises(NotUnderstood):
            decode(data)


@given(st.text(max_size=300))
def test_any_text_is_refused_or_a_token(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_token("fl1." + text)
