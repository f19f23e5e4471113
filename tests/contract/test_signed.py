"""Signed documents: no byte can change; each is obeyed by its device, as its kind, once, and forwards only."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ForgedError, MisroutedError, SignedError, StaleError
from contract.signed import (
    MAX_SIGNED_BYTES,
    Document,
    canonical,
    key_id,
    load_signing_key,
    load_verifying_keys,
    sign,
    verify,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
DOCUMENT = Document(
    device="box-1",
    kind="config",
    version=7,
    issued_at_ns=1_780_000_000_123_456_789,
    content={"buttons": [{"id": "sos", "hold_ms": 20}], "label": "Jl. Braga 10 — «sudut»", "siren": None, "on": True},
)

# RFC 8032, 7.1: secret key, public key, message, signature. TEST 1, 2, 3 and TEST SHA(abc).
_RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]

# Written by hand from RFC 8785.
_CANONICAL: list[tuple[object, bytes]] = [
    ({}, b"{}"),
    ([], b"[]"),
    ({"b": 1, "a": [2, {"d": None, "c": True}], "": False}, b'{"":false,"a":[2,{"c":true,"d":null}],"b":1}'),
    ({"10": 1, "9": 2, "A": 3, "a": 4}, b'{"10":1,"9":2,"A":3,"a":4}'),
    # 3.2.3: by UTF-16 code units, so U+1F600 (d83d de00) stands before U+FB33.
    (
        {"\ufb33": 7, "\U0001f600": 6, "\u20ac": 5, "\u00f6": 4, "\u0080": 3, "1": 2, "\r": 1},
        b'{"\\r":1,"1":2,"\xc2\x80":3,"\xc3\xb6":4,"\xe2\x82\xac":5,"\xf0\x9f\x98\x80":6,"\xef\xac\xb3":7}',
    ),
    # 3.2.2.2: the short escapes where there are any, \u00xx in lower case for other controls, nothing else.
    (
        '\b\t\n\f\r"\\/\x00\x0b\x1f\x7f\u2028é',
        b'"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u000b\\u001f\x7f\xe2\x80\xa8\xc3\xa9"',
    ),
    (
        [0, -1, 9007199254740993, 2**63 - 1, -(2**63)],
        b"[0,-1,9007199254740993,9223372036854775807,-9223372036854775808]",
    ),
]
_GOLDEN = (
    b'{"document":{"content":{"a":1},"device":"box-1","issued_at_ns":1,"kind":"config","version":1},'
    b'"key":"56475aa75463474c","signature":"'
    b"%SIGNATURE%"
    b'"}'
)


def obey(envelope: bytes, **changed: Any) -> Document:
    asked: dict[str, Any] = {"keys": [KEY.public_key()], "device": "box-1", "kind": "config", "newer_than": 6} | changed
    return verify(envelope, asked.pop("keys"), **asked)


@pytest.mark.parametrize(("secret", "public", "message", "signature"), _RFC_8032)
def test_ed25519_is_that_of_the_rfc(secret: str, public: str, message: str, signature: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert key.public_key().public_bytes_raw().hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature


@pytest.mark.parametrize(("value", "written"), _CANONICAL)
def test_canonical_json_is_that_of_the_rfc(value: object, written: bytes) -> None:
    assert canonical(value) == written


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
@settings(max_examples=300, deadline=None)
@pytest.mark.slow
def test_canonical_json_is_what_a_second_implementation_writes(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [1.5, 1.0, float("nan"), 2**63, -(2**63) - 1, "\ud800", {"\udfff": 1}, {1: 2}, {None: 1}, b"bytes", {"a": {1, 2}}],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical(value)


def test_an_envelope_is_this_very_byte_string() -> None:
    document = Document(device="box-1", kind="config", version=1, issued_at_ns=1, content={"a": 1})
    signed = b'{"content":{"a":1},"device":"box-1","issued_at_ns":1,"kind":"config","version":1}'
    wanted = _GOLDEN.replace(b"%SIGNATURE%", KEY.sign(signed).hex().encode())
    assert sign(document, KEY) == wanted


def test_a_signed_document_is_obeyed() -> None:
    assert obey(sign(DOCUMENT, KEY)) == DOCUMENT
    assert obey(sign(DOCUMENT, KEY), newer_than=None) == DOCUMENT


def test_no_byte_can_be_flipped_cut_or_added() -> None:
    envelope = sign(DOCUMENT, KEY)
    for at in range(len(envelope)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128):
            flipped = bytearray(envelope)
            flipped[at] ^= change
            with pytest.raises(SignedError):
                obey(bytes(flipped))
        with pytest.raises(SignedError):
            obey(envelope[:at])
        with pytest.raises(SignedError):
            obey(envelope[:at] + b" " + envelope[at:])
    for more in (b"\n", b"\x00", b"{}", envelope):
        with pytest.raises(SignedError):
            obey(envelope + more)


def test_another_device_or_kind_refuses_it() -> None:
    with pytest.raises(MisroutedError, match="other device: for box-1, and this is box-2"):
        obey(sign(DOCUMENT, KEY), device="box-2")
    with pytest.raises(MisroutedError, match="other kind: firmware where config belongs"):
        obey(sign(DOCUMENT.model_copy(update={"kind": "firmware"}), KEY))


@pytest.mark.parametrize("in_force", [7, 8, 2**63 - 1])
def test_an_older_or_the_same_version_is_refused(in_force: int) -> None:
    with pytest.raises(StaleError, match=f"not newer: version 7, in force is {in_force}"):
        obey(sign(DOCUMENT, KEY), newer_than=in_force)


def test_only_trusted_keys_count_and_two_can_be_trusted() -> None:
    both = [OTHER.public_key(), KEY.public_key()]
    assert obey(sign(DOCUMENT, KEY), keys=both) == obey(sign(DOCUMENT, OTHER), keys=both) == DOCUMENT
    with pytest.raises(ForgedError, match=f"unknown key: signed by key {key_id(OTHER.public_key())}"):
        obey(sign(DOCUMENT, OTHER))
    with pytest.raises(ForgedError, match="unknown key"):
        obey(sign(DOCUMENT, KEY), keys=[])


def test_a_stranger_cannot_borrow_the_name_of_a_trusted_key() -> None:
    forged = json.loads(sign(DOCUMENT, OTHER)) | {"key": key_id(KEY.public_key())}
    with pytest.raises(ForgedError, match="bad signature"):
        obey(canonical(forged), keys=[KEY.public_key(), OTHER.public_key()])


def test_a_signature_cannot_move_to_another_document() -> None:
    taken = json.loads(sign(DOCUMENT, KEY))
    changes: list[dict[str, Any]] = [{"device": "box-2"}, {"version": 8}, {"kind": "firmware"}, {"content": {}}]
    for change in (*changes, {"issued_at_ns": 1}):
        moved = taken | {"document": taken["document"] | change}
        with pytest.raises(ForgedError, match="bad signature"):
            obey(canonical(moved), device="box-2" if "device" in change else "box-1")


def test_a_signature_has_one_form() -> None:
    # RFC 8032, 5.1.7: S must be below the group's order L, or S + L would be a second signature of the same document.
    taken = json.loads(sign(DOCUMENT, KEY))
    raw = bytes.fromhex(taken["signature"])
    order = 2**252 + 27742317777372353535851937790883648493
    larger = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(ForgedError, match="bad signature"):
        obey(canonical(taken | {"signature": (raw[:32] + larger).hex()}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace(b'{"document"', b'{ "document"', 1), "not canonical"),
        (lambda text: text.replace(b'"box-1"', b'"\\u0062ox-1"', 1), "not canonical"),
        (lambda text: text.replace(b'"version":7', b'"version":7.0', 1), "invalid"),
        (lambda text: text.replace(b'"hold_ms":20', b'"hold_ms":20.0', 1), "not canonical"),
        (lambda text: text.replace(b'"hold_ms":20', b'"hold_ms":2e1', 1), "not canonical"),
        (lambda text: text.replace(b'"hold_ms":20', b'"hold_ms":-0', 1), "not canonical"),
        (lambda text: text.replace(b'"version":7', b'"version":7,"version":7', 1), "duplicate key"),
        (lambda text: text.replace(b'"key":', b'"key":"0000000000000000","key":', 1), "duplicate key"),
        (lambda text: text.replace("«".encode(), b"\xc0\xab", 1), "not utf-8"),
        (lambda text: text.replace("—".encode(), b"\\ud800", 1), "not canonical"),
        (lambda text: text[:-1] + b',"more":1}', "invalid"),
        (lambda text: b"\xef\xbb\xbf" + text, "not json"),
        (lambda text: json.dumps(json.loads(text), indent=1).encode(), "not canonical"),
        (lambda text: canonical(dict.fromkeys(["document", "key", "signature"], 1)), "invalid"),
        (lambda text: canonical(json.loads(text) | {"signature": json.loads(text)["signature"].upper()}), "invalid"),
        (lambda text: b"[]", "invalid"),
        (lambda text: b"null", "invalid"),
        (lambda text: b"", "not json"),
        (lambda text: b"[" * 100, "nested too deep"),
        (lambda text: text + b" " * MAX_SIGNED_BYTES, "oversize"),
    ],
)
def test_there_is_one_way_to_write_it(change: Any, reason: str) -> None:
    envelope = sign(DOCUMENT, KEY)
    changed = change(envelope)
    assert changed != envelope
    with pytest.raises(SignedError) as told:
        obey(changed)
    assert told.value.reason == reason


def test_a_signed_document_that_is_none_is_refused() -> None:
    changes: list[dict[str, Any]] = [{"version": -1}, {"version": "7"}, {"device": "BOX"}, {"kind": "a/b"}]
    changes += [{"content": []}, {"device": None}]
    for change in changes:
        value = DOCUMENT.model_dump() | change
        signed = {"document": value, "key": key_id(KEY.public_key()), "signature": KEY.sign(canonical(value)).hex()}
        with pytest.raises(SignedError, match="invalid"):
            obey(canonical(signed))


def test_a_key_of_a_later_release_is_signed_and_passed_over() -> None:
    value = DOCUMENT.model_dump() | {"expires_at_ns": 5}
    signed = {"document": value, "key": key_id(KEY.public_key()), "signature": KEY.sign(canonical(value)).hex()}
    assert obey(canonical(signed)) == DOCUMENT
    value["expires_at_ns"] = 6
    with pytest.raises(ForgedError):
        obey(canonical(signed))


def test_what_cannot_be_signed_is_refused_before_it_travels() -> None:
    for content, why in (({"a": 0.5}, "float"), ({"a": "x" * MAX_SIGNED_BYTES}, "65536"), ({"a": 2**64}, "64 bits")):
        with pytest.raises(ValueError, match=why):
            sign(DOCUMENT.model_copy(update={"content": content}), KEY)


def test_the_largest_document_is_obeyed() -> None:
    room = MAX_SIGNED_BYTES - len(sign(DOCUMENT.model_copy(update={"content": {"a": ""}}), KEY))
    largest = DOCUMENT.model_copy(update={"content": {"a": "x" * room}})
    assert len(sign(largest, KEY)) == MAX_SIGNED_BYTES
    assert obey(sign(largest, KEY)) == largest


@given(st.binary(max_size=200) | _VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300, deadline=None)
@pytest.mark.slow
def test_whatever_arrives_is_refused_by_type(body: bytes) -> None:
    with pytest.raises(SignedError):
        obey(body)


@given(_VALUES, st.integers(0, 2**63 - 1))
@settings(max_examples=100, deadline=None)
def test_any_content_survives(content: Any, version: int) -> None:
    document = DOCUMENT.model_copy(update={"content": {"x": content}, "version": version})
    with contextlib.suppress(ValueError):  # nested too deep to be signed
        assert obey(sign(document, KEY), newer_than=None) == document


def test_keys_are_read_from_pem() -> None:
    private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    publics = b"".join(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in (KEY, OTHER)
    )
    assert load_signing_key(private).sign(b"x") == KEY.sign(b"x")
    assert [key_id(key) for key in load_verifying_keys(publics)] == [
        key_id(KEY.public_key()),
        key_id(OTHER.public_key()),
    ]
    for at in range(len(publics) - 1):
        with contextlib.suppress(ValueError):
            assert len(load_verifying_keys(publics[:at])) == 1, at  # cut between two blocks
    for at in range(len(private) - 26):
        with pytest.raises(ValueError, match="damaged"):
            load_signing_key(private[:at])
    foreign = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ValueError, match="not an Ed25519 key"):
        load_signing_key(foreign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ValueError, match="not an Ed25519 key"):
        load_verifying_keys(foreign.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for junk in (b"", b"junk", private):
        with pytest.raises(ValueError, match="damaged"):
            load_verifying_keys(junk)
