"""What a short message says, in one part of 160 septets, and what an answer to one means. Pure.

Only letters of the GSM-7 alphabet go out: one other letter would make the whole message UCS-2, with 70 letters.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import Final, Literal

from duty_desk.channels.channel import Answer, Page
from duty_desk.errors import ContactError

Language = Literal["id", "en"]
MAX_SEPTETS: Final = 160
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇØøÅåÆæßÉ !\"#%&'()*+,-./0123456789:;<=>?_¡§¿"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜabcdefghijklmnopqrstuvwxyzäöñüà"
)
_INSTEAD: Final = {
    "…": "...",
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "·": "-",
    "→": ">",
    "[": "(",
    "]": ")",
    "{": "(",
    "}": ")",
    "|": "/",
    "\\": "/",
    "~": "-",
    "^": "",
    "`": "'",
    "ı": "i",
    "ł": "l",
    "đ": "d",
}
_LETTERS: Final = "ACDEFHJKLMNPRTUVWXY"
_DIGITS: Final = "2345679"
"""Those of a code: none that is read as another, and no 1, with which people accept."""
_TIME: Final = re.compile(r"\b\d\d:\d\d:\d\d\b")
_ANSWER: Final = re.compile(r"(1|2|tidak(?: bisa)?)[\s.,:;-]*([a-z][0-9])?[\s.!]*", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}")

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "id": {
        "how": "Balas 1=terima 2=tidak bisa",
        "test": "Balas 1=sampai",
        "which": "Ada beberapa kejadian. Balas dengan kode: {codes}",
    },
    "en": {
        "how": "Reply 1=accept 2=cannot",
        "test": "Reply 1=it came",
        "which": "There are several incidents. Reply with the code: {codes}",
    },
}


def gsm7(text: str) -> str:
    """Return text in letters of one septet each: accents that have none go, and what is left is a `?`."""
    found: list[str] = []
    for letter in text:
        if letter in _BASIC:
            found.append(letter)
        elif letter in _INSTEAD:
            found.append(_INSTEAD[letter])
        elif letter.isspace():
            found.append(" ")
        elif unicodedata.category(letter) in ("So", "Sk", "Mn", "Me", "Cf", "Cc", "Cs", "Co"):
            continue
        else:
            plain = "".join(each for each in unicodedata.normalize("NFKD", letter) if each in _BASIC)
            found.append(plain or "?")
    return " ".join("".join(found).split())


def sms_text(page: Page, code: str | None, language: Language) -> str:
    """Return a page as one short message: status, what and where, when, the code, how to answer, and more if it fits.

    Args:
        page: What to say.
        code: What tells this incident from others; None for a page about none.
        language: Of how to answer.
    """
    words = _WORDS[language]
    title = gsm7(page.title)
    when = _TIME.search(page.text)
    tail = ""
    if code is not None:
        tail = f" ({code}) {words['how']}"
    elif page.status == "Test":
        tail = f" {words['test']}"
    head = f"{title} {when[0]}." if when is not None and when[0] not in title else f"{title}."
    room = MAX_SEPTETS - len(tail)
    more = [each for each in re.split(r"(?<=[.!?])\s+", gsm7(page.text)) if each and not _said(each, title)]
    for sentence in more:
        if len(head) + 1 + len(sentence) > room:
            break
        head += f" {sentence}"
    return head[:room] + tail


def _said(sentence: str, title: str) -> bool:
    """Return whether a sentence of the page says what the line above it says already."""
    return sentence.rstrip(".") in title or title.rstrip(".") in sentence or _TIME.search(sentence) is not None


def which_text(codes: dict[str, str], language: Language) -> str:
    """Return what is asked of one who answered without a code where there are several, as code and what it is of."""
    text = _WORDS[language]["which"].format(
        codes=", ".join(f"1 {code} ({gsm7(what)[:24]})" for code, what in codes.items())
    )
    return text[:MAX_SEPTETS]


def code_of(incident_id: str, taken: Container[str]) -> str:
    """Return an incident's code, such as `A7`: the same each time, unless another has it already."""
    first = int.from_bytes(hashlib.sha256(incident_id.encode()).digest()[:4])
    count = len(_LETTERS) * len(_DIGITS)
    for step in range(count):
        letter, digit = divmod((first + step) % count, len(_DIGITS))
        code = _LETTERS[letter] + _DIGITS[digit]
        if code not in taken:
            return code
    return _LETTERS[0] + _DIGITS[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody answered, with the code they named."""

    answer: Answer
    code: str | None


def read_reply(text: str) -> Reply | None:
    """Return what a message answers; None when it is anything but `1`, `2` or `tidak`, with or without a code."""
    found = _ANSWER.fullmatch(text.strip())
    if found is None:
        return None
    return Reply("accept" if found[1] == "1" else "cannot", None if found[2] is None else found[2].upper())


def phone_number(text: str, country: str | None = None) -> str:
    """Return a telephone number as E.164, `+` and up to 15 digits.

    Args:
        text: It, with spaces, dashes or brackets or without.
        country: The code of the country whose own form, with a 0 in front, is understood too.

    Raises:
        ContactError: It is none.
    """
    plain = re.sub(r"[\s().-]", "", text)
    if country is not None and re.fullmatch(r"0[1-9]\d+", plain):
        plain = f"+{country}{plain[1:]}"
    if country is not None and plain.startswith(country) and len(plain) > 9:
        plain = f"+{plain}"
    if _NUMBER.fullmatch(plain) is None:
        raise ContactError("bad_number", "expected a number with its country's code, as in +62 811 555 0110")
    return plain
