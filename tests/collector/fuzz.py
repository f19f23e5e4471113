"""`make fuzz-collector`: broken bodies, seeded; what the quick way takes, the careful way takes with the same lines.

The claim for each: it decodes, or BodyError is raised with one of the contract's reasons, and nothing else happens.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from contract.catalogue import KINDS
from contract.errors import BodyError
from tests.collector.batches import STREAM, T0_NS, batch, reading
from tests.collector.both_ways import decode, decodes_or_refuses

_REASONS = {"oversize", "not utf-8", "not json", "nested too deep", "duplicate key", "invalid", "another device"}
_TOKENS = [
    b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"0.0", b"9223372036854775808", b"1" * 400, b'""', b"{}",
    b"[]", b"[[", b"\xff", b"\xed\xa0\x80", b'"\\ud800"', b'"\\u0000"', b"\\", b'"', b":", b",", b"}", b"]", b" ",
    b'"device":', b'"batch":1,', b'"readings":[', b'"fields":{', b'"x":', b"//", b"1e5", b"01", b"+1", b".5", b"1.",
    b"\x00",
]  # fmt: skip
_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    -0.0,
    1e308,
    2**63,
    2**64,
    "",
    "1",
    "box-1",
    [],
    {},
    [1],
    {"a": 1},
]

Mutation = Callable[[random.Random, bytes], bytes]


def run(count: int, seed: int) -> Counter[str]:
    """Judge a number of bodies; return how many were taken or refused, by way or reason.

    Raises:
        AssertionError: The two ways disagree, or something else than BodyError came out; it names the body.
    """
    draw = random.Random(seed)
    told: Counter[str] = Counter()
    for _ in range(count):
        body = _good(draw)
        for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
            body = draw.choice(_MUTATIONS)(draw, body)
        told[_judge(body)] += 1
    return told


def _judge(body: bytes) -> str:
    try:
        took_quickly = decodes_or_refuses(body)
        decode(body)
    except BodyError as error:
        if error.reason not in _REASONS:
            raise AssertionError(f"{error.reason!r} for {body!r}") from None
        return error.reason
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{error!r} came out of {body!r}") from error
    return "taken quickly" if took_quickly else "taken carefully"


def _good(draw: random.Random) -> bytes:
    readings = []
    for number in range(draw.choice((1, 1, 2, 3))):
        kind = draw.choice(list(KINDS.values()))
        chosen = {quantity.name: quantity for quantity in kind.quantities if quantity.name in kind.required}
        chosen |= {one.name: one for one in draw.sample(kind.quantities, draw.randint(1, min(3, len(kind.quantities))))}
        fields = {
            name: draw.randint(0, 1) if one.type == "int" else draw.choice((0, 0.5, (one.maximum or 0) / 3))
            for name, one in chosen.items()
        }
        readings.append(reading(number, kind=kind.name, fields=fields, sensor=draw.choice(("gps", "s-1"))))
    value = batch(number=draw.randint(0, 9), readings=readings, stream=draw.choice((STREAM, "00000000000000bb")))
    return json.dumps(value, separators=draw.choice(((",", ":"), (", ", ": ")))).encode()


def _flip(draw: random.Random, body: bytes) -> bytes:
    at = draw.randrange(max(1, len(body)))
    return body[:at] + bytes([draw.randrange(256)]) + body[at + 1 :]


def _cut(draw: random.Random, body: bytes) -> bytes:
    at = draw.randrange(max(1, len(body)))
    return body[:at] + body[at + draw.choice((1, 1, 2, 8, 64)) :]


def _insert(draw: random.Random, body: bytes) -> bytes:
    at = draw.randrange(len(body) + 1)
    return body[:at] + draw.choice(_TOKENS) + body[at:]


def _repeat(draw: random.Random, body: bytes) -> bytes:
    at = draw.randrange(max(1, len(body)))
    some = body[at : at + draw.choice((1, 8, 24, 64))]
    return body[:at] + some + body[at:]


def _truncate(draw: random.Random, body: bytes) -> bytes:
    return body[: draw.randrange(max(1, len(body)))]


def _nest(draw: random.Random, body: bytes) -> bytes:
    depth = draw.choice((3, 20, 300))
    return body[:-1] + b',"x":' + b"[" * depth + b"]" * draw.choice((depth, depth - 1)) + b"}"


def _swap_value(draw: random.Random, body: bytes) -> bytes:
    try:
        value = json.loads(body)
        places: list[tuple[Any, Any]] = [(value, key) for key in value]
        for one in value["readings"]:
            places += [(one, key) for key in one] + [(one["fields"], key) for key in one["fields"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return body
    inside, key = draw.choice([place for place in places if isinstance(place[0], dict)])
    near = [T0_NS, 0, 946_684_800 * 10**9 - draw.randint(0, 1), T0_NS + 86_401 * 10**9 + draw.randint(0, 1)]
    inside[key] = draw.choice([*_VALUES, *near, draw.uniform(-200, 200), draw.randint(-200, 200)])
    return json.dumps(value).encode()


def _twice(draw: random.Random, body: bytes) -> bytes:
    try:
        value = json.loads(body)
        key = draw.choice(list(value))
        return body[:-1] + b"," + json.dumps({key: value[key]}).encode()[1:]
    except (ValueError, TypeError, IndexError, RecursionError):
        return body


_MUTATIONS: list[Mutation] = [_flip, _cut, _insert, _repeat, _truncate, _nest, _swap_value, _swap_value, _twice]


def main() -> int:
    """Judge as many as told and print what became of them."""
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    began_s = time.monotonic()
    told = run(count, seed)
    for what, number in told.most_common():
        print(f"{number:>10,}  {what}")
    print(f"{count:,} bodies from seed {seed}, no disagreement, in {time.monotonic() - began_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
