"""The golden vectors, and how each message is read and written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from contract import schema
from contract.batch import MAX_BATCH_BYTES, decode_batch, encode_batch
from contract.messages import MAX_ALARM_BYTES, decode, encode

_FOLDER = Path(__file__).parent / "vectors"
MESSAGES = (*schema.MODELS, "telemetry")


@dataclass(frozen=True)
class Vector:
    """A line of accepted.jsonl or refused.jsonl; `expected` is reason and detail of a refusal, else empty."""

    message: str
    name: str
    body: bytes
    expected: tuple[str, str] = ("", "")

    def __str__(self) -> str:
        return f"{self.message}: {self.name}"


def read(message: str, body: bytes) -> Any:
    """Return a body as a message or a batch, as a receiver of it would."""
    return decode_batch(body) if message == "telemetry" else decode(schema.MODELS[message], body)  # type: ignore[type-var]


def write(message: str, value: Any) -> bytes:
    """Return a message or a batch as bytes, as its sender would."""
    return encode_batch(value) if message == "telemetry" else encode(value)


def max_bytes(message: str) -> int:
    """Return the size in bytes above which a body of this message is refused."""
    return MAX_BATCH_BYTES if message == "telemetry" else MAX_ALARM_BYTES


@cache
def accepted() -> tuple[Vector, ...]:
    """Return the bodies that are good."""
    return tuple(Vector(line["message"], line["name"], _json(line["body"])) for line in _lines("accepted.jsonl"))


@cache
def refused() -> tuple[Vector, ...]:
    """Return the bodies that are refused; most are the first good one of their message with one change."""
    return tuple(
        Vector(line["message"], line["name"], _refused_body(line), (line["reason"], line["detail"]))
        for line in _lines("refused.jsonl")
    )


def first_accepted(message: str) -> dict[str, Any]:
    """Return the first good body of a message as a JSON value, to be changed."""
    found: dict[str, Any] = json.loads(next(vector.body for vector in accepted() if vector.message == message))
    return found


def _refused_body(line: dict[str, Any]) -> bytes:
    count: int = line.get("nesting") or line.get("digits") or line.get("padding") or 0
    if "raw" in line:
        return str(line["raw"]).encode()
    if "nesting" in line:
        return b"[" * count + b"]" * count
    if "digits" in line:
        return b'{"age_ms": ' + b"9" * count + b"}"
    value = first_accepted(line["message"])
    if "padding" in line:
        return _json(value) + b" " * count
    return _json(value | line["change"])


def _json(value: Any) -> bytes:
    # 1e400 of a vector became infinity when the vector was read.
    return json.dumps(value).replace("Infinity", "1e400").encode()


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines()]
