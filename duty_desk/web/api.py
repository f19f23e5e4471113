"""What the desk answers over HTTP, put together: pages, events, what people do, and who may."""

from __future__ import annotations

import time

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.routing import Route

from duty_desk.access.door import Door
from duty_desk.acts import Acts
from duty_desk.channels.webpush.channel import WebPush
from duty_desk.desk import DutyDesk
from duty_desk.ledger.archive import Archive
from duty_desk.settings import Desk
from duty_desk.web.acting_api import add_acting
from duty_desk.web.archive_api import add_archive
from duty_desk.web.calls_api import add_calls
from duty_desk.web.cap_api import add_cap
from duty_desk.web.deliveries_api import add_deliveries
from duty_desk.web.description import describe
from duty_desk.web.duty_api import add_duty
from duty_desk.web.events import Events
from duty_desk.web.faults import COMMON, add_errors
from duty_desk.web.files import CONSOLE
from duty_desk.web.guard import Guard
from duty_desk.web.inbox_api import add_inbox
from duty_desk.web.pages import tell_zone
from duty_desk.web.push_api import add_push
from duty_desk.web.reading_api import add_reading
from duty_desk.web.screens_api import add_screens
from duty_desk.web.session_api import Entrance, add_session, check_routes
from duty_desk.web.synthetic_api import add_synthetic
from duty_desk.web.triage_api import add_triage
from duty_desk.web.upcoming_api import add_upcoming


def make_app(desk: DutyDesk, config: Desk, door: Door, push: WebPush) -> Guard:
    """Return the application.

    Raises:
        RuntimeError: A route does not say who may ask for it.
    """
    http = config.settings.http
    entrance = Entrance(door, https=http.https)
    app = FastAPI(title="Siaga duty desk", docs_url=None, redoc_url=None, openapi_url=None, responses=COMMON)
    add_errors(app)
    tell_zone(app, config.settings.duty.time_zone)
    add_session(app, entrance)
    add_reading(app, desk, config)
    acts = Acts(desk, time.time_ns)
    add_acting(app, acts)
    add_deliveries(app, acts)
    add_calls(app, desk)
    archive = Archive(config.ledger)
    add_archive(app, desk, acts, archive)
    add_cap(app, desk, archive, config.settings.cap)
    add_triage(app, desk, archive)
    add_duty(app, desk)
    add_inbox(app, config)
    add_synthetic(app, desk, config.settings.synthetic.each_s)
    add_screens(app, desk.ringing)
    add_upcoming(app, desk)
    add_push(app, push, acts, desk)
    app.router.routes.append(Route("/api/events", Events(desk, entrance), methods=["GET"]))
    app.mount("/static", StaticFiles(directory=CONSOLE), name="static")
    check_routes(app)
    describe(app)
    return Guard(app, http.names, https=http.https)
