"""The world's time and its network: a heap of events, a bad transport, two brokers and the box's sessions with them."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Literal

from contract.topics import Lane
from edge_agent.uplink_rate import OVERHEAD_BYTES

S = 10**9
MS = 10**6

Outcome = Literal["acknowledged", "no subscriber", "timeout", "not connected"]
Topic = Literal["alarm", "telemetry", "online"]
DownTopic = Literal["alarm receipt", "telemetry receipt", "lamp"]


class Loop:
    """Virtual time in ns: events run in the order of their moments."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()

    def after(self, delay_ns: int, event: Callable[[], None]) -> None:
        """Run an event after a delay."""
        heapq.heappush(self._heap, (self.now_ns + max(0, delay_ns), next(self._order), event))

    def run_until(self, moment_ns: int) -> int:
        """Run all events up to a moment; return how many."""
        steps = 0
        while self._heap and self._heap[0][0] <= moment_ns:
            self.now_ns, _, event = heapq.heappop(self._heap)
            event()
            steps += 1
        self.now_ns = moment_ns
        return steps


@dataclass
class Weather:
    """What the transport does to a packet: shares of 1, its longest delay, and what the uplink takes."""

    drop: float = 0.0
    double: float = 0.0
    late: float = 0.0
    delay_ns: int = 20 * MS
    bytes_per_s: float | None = None


class Transport:
    """Carries packets: late, twice, in another order, or not at all."""

    def __init__(self, loop: Loop, draw: random.Random, injected: Counter[str]) -> None:
        self.loop = loop
        self.draw = draw
        self.injected = injected
        self.weather = Weather()

    def carry(self, event: Callable[[], None], *, drops: bool = True) -> None:
        """Let a packet arrive: an event, once, twice or never."""
        draw, weather = self.draw, self.weather
        if drops and draw.random() < weather.drop:
            self.injected["packets dropped"] += 1
            return
        copies = 1
        if draw.random() < weather.double:
            self.injected["packets doubled"] += 1
            copies = 2
        for _ in range(copies):
            delay_ns = int(draw.random() * weather.delay_ns) + MS
            if draw.random() < weather.late:
                self.injected["packets late and out of order"] += 1
                delay_ns += int(draw.random() * 8 * S)
            self.loop.after(delay_ns, event)

    def carry_surely(self, event: Callable[[], None], give_up: Callable[[], None]) -> None:
        """As TCP does within a connection: a packet that is dropped is sent again, or else ends the connection."""
        draw = self.draw
        if draw.random() < self.weather.drop:
            self.injected["packets sent again by TCP"] += 1
            if draw.random() < 0.1:
                give_up()
            else:
                self.loop.after(int(draw.uniform(0.2, 8) * S), event)
            return
        self.carry(event, drops=False)


class Broker:
    """A broker without persistence. Killed, it loses what it acknowledged and did not deliver.

    Args:
        lane: Which one it is.
        transport: The network to the box; the centre's own network only delays.
        upward: Hands a message to the centre.
        listens: Tells whether anyone of the centre is subscribed to a topic.
    """

    def __init__(
        self,
        lane: Lane,
        transport: Transport,
        upward: Callable[[Lane, Topic, bytes], None],
        listens: Callable[[Lane, Topic], bool],
    ) -> None:
        self.lane = lane
        self.transport = transport
        self.alive = True
        self.epoch = 0
        self.reachable = True
        self.session: Session | None = None
        self._upward = upward
        self._listens = listens

    def kill(self) -> None:
        """SIGKILL: every connection ends, and with it every message on the way."""
        self.alive = False
        self.epoch += 1
        if self.session is not None:
            self.session.lose()

    def receive(self, topic: Topic, body: bytes, acknowledge: Callable[[Outcome], None]) -> None:
        """Take a PUBLISH of the box."""
        if not self.alive:
            return
        listened = self._listens(self.lane, topic)
        acknowledge("acknowledged" if listened else "no subscriber")
        if not listened:
            return
        epoch = self.epoch

        def deliver() -> None:
            if self.epoch != epoch:
                self.transport.injected["acknowledged messages lost by a broker"] += 1
                return
            self._upward(self.lane, topic, body)

        loop, draw = self.transport.loop, self.transport.draw
        loop.after(int(draw.random() * (6 * S if draw.random() < 0.2 else 5 * MS)), deliver)

    def send_down(self, topic: DownTopic, body: bytes) -> None:
        """Take a message of the centre to the box; QoS 1 over a clean session, so a lost connection loses it."""
        session = self.session
        if not self.alive or session is None or not session.connected or session.half_open:
            return
        generation = session.generation

        def arrive() -> None:
            if session.connected and session.generation == generation and not session.half_open:
                session.heard(topic, body)

        self.transport.carry(arrive)


class Session:
    """The box's session with one broker, as `link.Session` behaves: one connection after the other, with backoff."""

    def __init__(self, broker: Broker, heard: Callable[[DownTopic, bytes], None], stood: Callable[[], None]) -> None:
        self.broker = broker
        self.heard = heard
        self._stood = stood
        self.connected = False
        self.half_open = False
        self.closed = False
        self.generation = 0
        self._pending: dict[int, Callable[[Outcome], None]] = {}
        self._numbers = count()
        self._free_ns = 0
        broker.session = self
        self._later()

    def publish(self, topic: Topic, body: bytes, timeout_ns: int, done: Callable[[Outcome], None]) -> None:
        """Send at QoS 1 and tell how it ended, never before this call has returned."""
        loop = self.broker.transport.loop
        if not self.connected:
            loop.after(0, lambda: None if self.closed else done("not connected"))
            return
        number = next(self._numbers)
        self._pending[number] = done
        loop.after(timeout_ns, lambda: self._settle(number, "timeout"))
        if self.half_open:
            return
        generation = self.generation
        carry = self._carry_surely if topic == "telemetry" else self.broker.transport.carry

        def acknowledge(outcome: Outcome) -> None:
            def arrive() -> None:
                if self.generation == generation and not self.half_open:
                    self._settle(number, outcome)

            carry(arrive)

        def reach() -> None:
            if self.generation == generation or topic != "telemetry":
                self.broker.receive(topic, body, acknowledge)

        loop.after(self._queue_ns(len(body) + OVERHEAD_BYTES), lambda: carry(reach))

    def _queue_ns(self, size: int) -> int:
        """Return when a packet has left the box: those before it and its own bytes take their time."""
        loop, rate = self.broker.transport.loop, self.broker.transport.weather.bytes_per_s
        if rate is None:
            return 0
        self._free_ns = max(self._free_ns, loop.now_ns) + int(size / rate * S)
        return self._free_ns - loop.now_ns

    def _carry_surely(self, event: Callable[[], None]) -> None:
        self.broker.transport.carry_surely(event, self.go_half_open)

    def lose(self) -> None:
        """The connection ends, by whatever cause; a new one is on its way."""
        if not self.connected:
            return
        self.connected = False
        self.generation += 1
        for number in list(self._pending):
            self.broker.transport.loop.after(0, lambda number=number: self._settle(number, "timeout"))  # type: ignore[misc]
        self._later()

    def go_half_open(self) -> None:
        """Nothing arrives any more in either direction, and only the keep-alive tells."""
        if not self.connected or self.half_open:
            return
        self.half_open = True
        generation = self.generation
        self.broker.transport.injected["connections half open"] += 1
        self.broker.transport.loop.after(
            int((9 + 9 * self.broker.transport.draw.random()) * S),
            lambda: self.lose() if self.generation == generation else None,
        )

    def close(self) -> None:
        """The agent is dead: nobody hears of anything any more."""
        self.closed = True
        self.connected = False
        self.generation += 1
        self._pending.clear()

    def _later(self) -> None:
        draw = self.broker.transport.draw
        self.broker.transport.loop.after(int((0.1 + 4 * draw.random() ** 2) * S), self._connect)

    def _connect(self) -> None:
        if self.closed or self.connected:
            return
        if not (self.broker.alive and self.broker.reachable):
            self._later()
            return
        self.connected, self.half_open = True, False
        self._free_ns = 0
        self.broker.transport.injected["connections made"] += 1
        self._stood()
        self.publish("online", b"", 5 * S, lambda _: None)

    def _settle(self, number: int, outcome: Outcome) -> None:
        done = self._pending.pop(number, None)
        if done is not None and not self.closed:
            done(outcome)
