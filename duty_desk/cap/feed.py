"""The feed of CAP messages: Atom (RFC 4287), the latest message of each incident, the latest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree as ET

from duty_desk.cap.case import Case
from duty_desk.cap.message import MEDIA_TYPE, Sender, headline, identifier, when

ATOM: Final = "http://www.w3.org/2005/Atom"


def feed(cases: Iterable[Case], sender: Sender, *, base: str, now_ns: int) -> bytes:
    """Return the feed as XML in UTF-8.

    Args:
        cases: The incidents.
        sender: Who tells them.
        base: The address of the feed itself; each message stands below it, as `{base}/{incident}/{number}`.
        now_ns: By the centre's clock: when the feed changed, where it has no incident.
    """
    latest = sorted(cases, key=lambda case: case.stages[-1][1], reverse=True)
    root = ET.Element("feed", {"xmlns": ATOM})
    ET.SubElement(root, "id").text = f"urn:siaga:cap:{sender.name}"
    ET.SubElement(root, "title").text = f"CAP: {sender.city}"
    ET.SubElement(root, "updated").text = when(latest[0].stages[-1][1] if latest else now_ns)
    author = ET.SubElement(root, "author")
    ET.SubElement(author, "name").text = sender.city
    ET.SubElement(root, "link", {"rel": "self", "href": base, "type": "application/atom+xml"})
    for case in latest:
        number = len(case.stages)
        stage, at_ns = case.stages[-1]
        entry = ET.SubElement(root, "entry")
        ET.SubElement(entry, "id").text = f"urn:siaga:cap:{sender.name}:{identifier(case, number)}"
        ET.SubElement(entry, "title").text = headline(case, stage, "id-ID")
        ET.SubElement(entry, "updated").text = when(at_ns)
        ET.SubElement(entry, "published").text = when(case.stages[0][1])
        ET.SubElement(entry, "link", {"href": f"{base}/{case.id}/{number}", "type": MEDIA_TYPE})
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made
