"""The phones that are pushed to, over HTTP: people add and test their own, and answer by them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI
from fastapi import Path as UrlPath
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.requests import Request

from contract.identity import new_event_id
from duty_desk.access.door import Visitor
from duty_desk.access.people import Session
from duty_desk.acts import Acts
from duty_desk.channels.channel import Page
from duty_desk.channels.contacts_file import Subscription
from duty_desk.channels.webpush.channel import WebPush
from duty_desk.channels.webpush.notes import Language, note_word
from duty_desk.channels.webpush.sealing import BadKeyError, read_keys
from duty_desk.desk import DutyDesk
from duty_desk.errors import ChannelError, ContactError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.incident import Incident
from duty_desk.web.faults import Fault, fault
from duty_desk.web.files import CONSOLE
from duty_desk.web.push_bodies import Answered, PhoneId, PhonesView, PhoneTest, PhoneView, PushKeyView, Shown, Subscribe
from duty_desk.web.session_api import actor, needs

TEST_EVERY_S: Final = 5.0
TEST_LASTS_S: Final = 60
MAX_TESTERS: Final = 1_000
_FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Fault} for status in (401, 403, 404, 409, 413, 415, 422, 429, 503)
}
_KEPT: Final = {"cache-control": "no-cache"}
"""The browser asks each time whether its worker is the newest."""


def add_push(app: FastAPI, push: WebPush, acts: Acts, desk: DutyDesk, now_ns: Callable[[], int] = time.time_ns) -> None:
    """Add one's own phones, their tests, and what is answered by them."""
    _add_worker(app)
    _add_own(app, push, now_ns)
    _add_test(app, push, now_ns)
    _add_answers(app, push, acts, desk)


def _add_worker(app: FastAPI) -> None:
    @app.get("/sw.js", include_in_schema=False)
    async def worker() -> FileResponse:
        return FileResponse(CONSOLE / "sw.js", media_type="text/javascript", headers=_KEPT)

    @app.get("/manifest.webmanifest", include_in_schema=False)
    async def manifest() -> FileResponse:
        media_type = "application/manifest+json"
        return FileResponse(CONSOLE / "manifest.webmanifest", media_type=media_type, headers=_KEPT)


def _add_own(app: FastAPI, push: WebPush, now_ns: Callable[[], int]) -> None:
    @app.get("/api/push/key", dependencies=[needs("see")], responses=_FAULTS)
    async def key() -> Response:
        """Tell the key by which a browser subscribes."""
        if push.key is None:
            return _off(push)
        return JSONResponse(PushKeyView(key=push.key.public).model_dump())

    @app.get("/api/push/phones", responses=_FAULTS)
    async def phones(visitor: Annotated[Visitor, needs("see")]) -> PhonesView:
        """Tell one's own phones. Another system has none."""
        own = push.contacts.phones(visitor.login) if isinstance(visitor.source, Session) else []
        return PhonesView(phones=[_view(phone) for phone in own])

    @app.post("/api/push/subscribe", response_model=PhoneView, responses=_FAULTS)
    async def subscribe(
        body: Subscribe, visitor: Annotated[Visitor, needs("see")], who: Annotated[Actor, actor("see")]
    ) -> Response | PhoneView:
        """Let a browser be pushed to for the account that is logged in; it is nobody else's from then on."""
        if push.key is None:
            return _off(push)
        if not push.settings.allows(body.endpoint):
            return fault(
                422, "unknown_service", "this push service is not one that [channels.push] of desk.toml allows"
            )
        try:
            read_keys(body.keys.p256dh, body.keys.auth)
        except BadKeyError as error:
            return fault(422, "invalid", f"body.keys: {error}")
        keys = body.keys
        own = push.contacts.phones(visitor.login)
        others: list[Language] = [each.language for each in own]
        language: Language = body.language or (others[0] if others else "id")
        phone = Subscription(
            body.endpoint, keys.p256dh, keys.auth, visitor.login, who.screen, language, created_ns=now_ns()
        )
        same = next((each for each in own if (each.endpoint, each.p256dh) == (phone.endpoint, phone.p256dh)), None)
        if same is not None:
            phone = replace(same, auth=keys.auth, screen=who.screen, language=language)
        try:
            await push.contacts.subscribe(phone)
        except ContactError as error:
            return _unkept(error)
        return _view(phone)

    @app.delete("/api/push/phones/{phone}", status_code=204, responses=_FAULTS)
    async def unsubscribe(phone: Annotated[PhoneId, UrlPath()], visitor: Annotated[Visitor, needs("see")]) -> Response:
        """Push to a phone of one's own no more."""
        known = _own(push, visitor, phone)
        if known is None:
            return _unknown()
        try:
            await push.contacts.unsubscribe(known.endpoint)
        except ContactError as error:
            return _unkept(error)
        return Response(status_code=204)


def _add_test(app: FastAPI, push: WebPush, now_ns: Callable[[], int]) -> None:
    tested: dict[str, float] = {}

    @app.post(
        "/api/push/test", status_code=202, response_model=None, responses=_FAULTS | {202: {"description": "Handed."}}
    )
    async def test(body: PhoneTest, visitor: Annotated[Visitor, needs("see")]) -> Response:
        """Push a test to a phone of one's own; the phone confirms it by itself, see `confirmed_ms`."""
        phone = _own(push, visitor, body.phone)
        if phone is None:
            return _unknown()
        now_s = time.monotonic()
        if now_s - tested.get(visitor.login, -TEST_EVERY_S) < TEST_EVERY_S:
            return fault(429, "try_later", f"one test every {TEST_EVERY_S:.0f} s")
        if len(tested) >= MAX_TESTERS:
            tested.clear()
        tested[visitor.login] = now_s
        try:
            await push.send_to(_test_page(visitor, phone, now_ns()), [phone])
        except ChannelError as error:
            return fault(503, "not_handed", error.detail)
        return JSONResponse({}, status_code=202)


def _add_answers(app: FastAPI, push: WebPush, acts: Acts, desk: DutyDesk) -> None:
    @app.post("/api/push/delivered", status_code=204, responses=_FAULTS)
    async def delivered(body: Shown, visitor: Annotated[Visitor, needs("see")]) -> Response:
        """Say that a page is shown at a phone; the phone does so by itself."""
        if not push.told(body.page, body.proof, visitor.login):
            return _unproven()
        push.delivered(body.page, body.phone, visitor.login)
        return Response(status_code=204)

    @app.post("/api/push/answer", responses=_FAULTS)
    async def answer(
        request: Request, body: Answered, visitor: Annotated[Visitor, needs("act")], who: Annotated[Actor, actor("act")]
    ) -> JSONResponse:
        """Accept an incident by a page's notification, or say that one cannot come."""
        if not push.told(body.page, body.proof, visitor.login):
            return _unproven()
        if body.answer == "cannot":
            push.cannot(body.page)
            return JSONResponse({"incident": None})
        incident = acts.act(_verb(desk.board.find(body.incident_id)), body.incident_id, who)
        push.accepted(body.page, body.incident_id, body.phone)
        return JSONResponse({"incident": incident})


def _verb(incident: Incident) -> Literal["accept", "answer"]:
    """Return what it means to accept: of an incident that is being handled, the presses that joined are answered."""
    return "answer" if incident.unanswered and incident.state != "open" else "accept"


def _test_page(visitor: Visitor, phone: Subscription, now_ns: int) -> Page:
    return Page(
        id=new_event_id(),
        who=visitor.login,
        display=visitor.name,
        status="Test",
        title=note_word(phone.language, "test_title"),
        text=note_word(phone.language, "test_text", name=visitor.name),
        incident_id=None,
        path="/",
        expires_ns=now_ns + TEST_LASTS_S * 10**9,
    )


def _own(push: WebPush, visitor: Visitor, phone_id: str) -> Subscription | None:
    return next((phone for phone in push.contacts.phones(visitor.login) if phone.id == phone_id), None)


def _view(phone: Subscription) -> PhoneView:
    def in_ms(at_ns: int | None) -> int | None:
        return None if at_ns is None else at_ns // 1_000_000

    return PhoneView(
        id=phone.id,
        screen=phone.screen,
        language=phone.language,
        created_ms=phone.created_ns // 1_000_000,
        worked_ms=in_ms(phone.worked_ns),
        confirmed_ms=in_ms(phone.confirmed_ns),
    )


def _unknown() -> JSONResponse:
    return fault(404, "unknown_phone", "this account has no such phone; turn it on at the phone")


def _unproven() -> JSONResponse:
    return fault(409, "unproven", "this page did not come to this account; log in at the phone as who was called")


def _unkept(error: ContactError) -> JSONResponse:
    return fault(503 if error.code == "contacts_unwritable" else 409, error.code, str(error))


def _off(push: WebPush) -> JSONResponse:
    return fault(503, "push_off", push.fault or "push is off")
