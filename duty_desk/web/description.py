"""The description of the API: made from the code, with an example of each body, and the stream of events beside it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from duty_desk.web.bodies import Act, Call, Cancel, Delivery, Write
from duty_desk.web.deliveries_api import Deliveries
from duty_desk.web.duty_api import Confirm, TakeOver
from duty_desk.web.faults import Fault
from duty_desk.web.push_bodies import Answered, Keys, PhoneTest, Shown, Subscribe
from duty_desk.web.screens_api import Alive
from duty_desk.web.session_api import LogIn

ABOUT: Final = (
    "Incidents as they are, as they were, and what people do with them. A person logs in and has a session's cookie; "
    "another system reads with `Authorization: Bearer` and a token of `siaga desk token add`. What changes something "
    "takes a session, its `x-siaga-csrf` (GET /api/session) and `x-siaga-screen`, the screen's name as percent-encoded "
    "UTF-8. Times are milliseconds since 1970 by the centre's clock. Every error is JSON with a `code` that never "
    "changes."
)
_KEYS: Final = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
_SHOWN: Final = {
    "page": "01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e11",
    "phone": "5f2b0e1c9d7a4b3c8e6f1a2b3c4d5e6f",
    "proof": "mY3x0QvJm2lq0bXo7vT1k9aE",
}
EXAMPLES: Final[dict[type[BaseModel], dict[str, Any]]] = {
    LogIn: {"name": "petugas-1", "password": "Braga 10, malam"},
    Act: {"note": "Saya ke sana."},
    Cancel: {"reason": "duplicate", "note": "Sudah ditangani sebagai panggilan 112."},
    Write: {"note": "Penelepon kedua menyebut dua motor."},
    Call: {
        "key": "0b0e6f4c-55a2-4f0f-8f0d-1f7b3c1d2e3f",
        "origin": "call",
        "category": "accident",
        "address": "Jalan Asia Afrika × Jalan Braga",
        "latitude": -6.92132,
        "longitude": 107.6099,
        "caller": "0812 555 0112",
        "note": "dua motor, satu luka",
    },
    Delivery: {"kind": "shown", "key": "01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f", "painted_ms": 1_760_000_000_038.5},
    Deliveries: {
        "facts": [
            {
                "incident_id": "01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f",
                "kind": "delivered",
                "key": "01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e10",
            }
        ]
    },
    Subscribe: {"endpoint": "https://fcm.googleapis.com/fcm/send/dEmO", "keys": _KEYS, "language": "id"},
    Keys: _KEYS,
    PhoneTest: {"phone": "5f2b0e1c9d7a4b3c8e6f1a2b3c4d5e6f"},
    Shown: _SHOWN,
    Answered: _SHOWN | {"incident_id": "01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f", "answer": "accept"},
    Confirm: {"channel": "sms"},
    TakeOver: {"incidents": ["01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f"]},
    Alive: {"page": "p7f3a", "sound": "on", "visible": True, "revision": 118},
    Fault: {"code": "already_accepted", "text": "Petugas 1 has already accepted this incident", "officer": "Petugas 1"},
}

_REFUSED: Final = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}}
_EVENTS: Final[dict[str, Any]] = {
    "summary": "Events",
    "description": "Server-sent events: `snapshot` first, then `incident`, `reach`, `screens`, `pages` and `beat` as "
    "they come, at least every 3 s. One that lost the stream sends the id of the last event it has as "
    "`Last-Event-ID`, and gets what it missed, or a snapshot. The shapes are in docs/desk.md.",
    "parameters": [
        {
            "name": "last_event_id",
            "in": "query",
            "required": False,
            "description": "As the header Last-Event-ID.",
            "schema": {"type": "string"},
        }
    ],
    "responses": {
        "200": {
            "description": "The stream, without an end.",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": 'event: beat\nid: 1760000000000-7\ndata: {"now_ms":1760000003000,…}\n\n',
                }
            },
        },
        "401": {"description": "Nobody is logged in, or the token is none: `no_session`.", **_REFUSED},
        "403": {"description": "The role may not: `wrong_role`.", **_REFUSED},
        "503": {"description": "There are too many streams: `too_many_pages`.", **_REFUSED},
    },
}


def describe(app: FastAPI) -> None:
    """Let the application describe itself as a whole; once all routes are added."""
    app.version, app.description = version("siaga"), ABOUT
    made = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = made()
            schemas = found["components"]["schemas"]
            for model, example in EXAMPLES.items():
                schemas.setdefault(model.__name__, {})["examples"] = [example]
            found["paths"]["/api/events"] = {"get": _EVENTS}
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign] # the framework's own way to add to it
