"""What is pushed is sealed as RFC 8291 says, byte for byte, and only the phone opens it."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from duty_desk.channels.webpush.sealing import MAX_BODY, MAX_TEXT, BadKeyError, from_base64url, read_keys, seal
from tests.duty_desk.channels.push_service import CURVE, Browser, b64, unb64

# RFC 8291, section 5 and appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
SALT = unb64("DGv6ra1nlYgDCS1FRnbzlw")
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
UA_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def private(text: str) -> ec.EllipticCurvePrivateKey:
    """Return a private key of the RFC's."""
    return ec.derive_private_key(int.from_bytes(unb64(text), "big"), CURVE)


def test_the_rfcs_example_is_sealed_to_the_rfcs_bytes() -> None:
    assert b64(seal(TEXT, UA_PUBLIC, AUTH, salt=SALT, own_key=private(AS_PRIVATE))) == BODY


def test_the_rfcs_example_is_opened_by_the_tests_browser() -> None:
    assert Browser(private(UA_PRIVATE), unb64(AUTH)).open(unb64(BODY)) == TEXT


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=MAX_TEXT))
def test_what_is_sealed_is_opened_by_its_phone_alone(text: bytes) -> None:
    phone, other = Browser(), Browser()
    body = seal(text, b64(phone.point), b64(phone.auth))
    assert len(body) <= MAX_BODY
    assert phone.open(body) == text
    again = seal(text, b64(phone.point), b64(phone.auth))
    # Neither the salt nor the sender's key is ever used twice.
    assert body[:16] != again[:16]
    assert body[21:86] != again[21:86]
    with pytest.raises(InvalidTag):
        other.open(body)
    with pytest.raises(InvalidTag):
        Browser(phone.private).open(body)


def test_the_longest_text_fills_what_a_service_must_take() -> None:
    phone = Browser()
    assert len(seal(b"x" * MAX_TEXT, b64(phone.point), b64(phone.auth))) == MAX_BODY
    with pytest.raises(ValueError, match="at most"):
        seal(b"x" * (MAX_TEXT + 1), b64(phone.point), b64(phone.auth))


@pytest.mark.parametrize(
    ("p256dh", "auth", "told"),
    [
        ("", AUTH, "p256dh"),
        (b64(unb64(UA_PUBLIC)[:-1]), AUTH, "p256dh"),
        (b64(b"\x04" + b"\x01" * 64), AUTH, "p256dh"),
        (b64(b"\x02" + b"\x01" * 32), AUTH, "p256dh"),
        (UA_PUBLIC, "", "auth has 0 bytes"),
        (UA_PUBLIC, b64(b"x" * 17), "auth has 17 bytes"),
        ("!" * 87, AUTH, "base64url"),
        (UA_PUBLIC, "é" * 22, "base64url"),
    ],
)
def test_what_is_no_key_of_a_browser_is_refused(p256dh: str, auth: str, told: str) -> None:
    with pytest.raises(BadKeyError, match=told):
        read_keys(p256dh, auth)


def test_base64url_is_taken_with_and_without_padding() -> None:
    assert from_base64url("_-8=") == from_base64url("_-8") == b"\xff\xef"
