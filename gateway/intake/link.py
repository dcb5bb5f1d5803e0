"""The line to the broker: one thread that alone touches the socket, over `session`, which knows the protocol.

It reads only while the inbox has room: otherwise nobody reads the socket and TCP slows the broker down, while
acknowledgements and pings go on. Other threads leave what they want in a queue and wake it. Lost
connections are opened again for ever; who ends them, and how fast to come back, is `Attempts`' to judge.
"""

import contextlib
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gateway.alarms import Condition
from gateway.config import MqttConfig, mqtt_password
from gateway.intake import wire
from gateway.intake.committer import Parcel
from gateway.intake.decide import Incoming
from gateway.intake.inbox import Inbox
from gateway.intake.outbox import WINDOW, Outbox
from gateway.intake.session import Session, SessionError
from gateway.logs import ERROR, WARNING, Event

READ_BYTES = 256 * 1024  # by one call: a batch of small messages
DIAL_S = 5.0
MAX_POSTS = 1_000  # commands that wait to be published
LINGER_S = 1.0  # for what is still to be written when the connection is ended by us
STEADY_S = 60.0  # a connection that lasted so long is held to be a good one
BRIEF_S = 30.0  # one that the broker ends before that was perhaps taken by another client of our name
WAITS_S = (0.1, 0.3, 1.0, 2.0, 3.0, 5.0)  # before the next attempt; the last one repeats
REFUSED_WAITS_S = (1.0, 3.0, 10.0, 30.0)  # when a person has to act first

_READY = Event(
    "broker-connected", "connected to {broker}, session {session}", doc="The broker lets intake in."
)
_LOST = Event(
    "broker-lost",
    "{broker}: {reason} Next attempt in {wait_s:g} s.",
    level=WARNING,
    doc="No connection to the broker.",
)
_FAULT = Event(
    "link-failed",
    "the line to {broker} failed over a fault of this program",
    level=ERROR,
    doc="A fault of intake's own.",
)


class Verdict(NamedTuple):
    """What an end of a connection means: code of the alarm, the reason, and when to try again."""

    code: str
    reason: str
    wait_s: float


class Attempts:
    """Judges ends of connections, one after the other. Pure."""

    def __init__(self) -> None:
        self._failures = 0
        self._brief = 0  # connections in a row that worked, and that the broker ended at once

    def ended(self, err: SessionError, ready_s: float | None, *, by_broker: bool) -> Verdict:
        """`ready_s`: for how long it had worked, None: not at all. `by_broker`: closed from over there."""
        if ready_s is not None and ready_s >= STEADY_S:
            self._failures = 0
        self._brief = self._brief + 1 if by_broker and ready_s is not None and ready_s < BRIEF_S else 0
        code, reason = err.code, f"{err}."
        waits = WAITS_S if code == "broker-away" else REFUSED_WAITS_S
        if code == "broker-away" and self._brief >= 3:  # or the broker dies again and again
            code = "session-taken"
            reason += f" That makes {self._brief} times in a row: another client seems to use this client id."
        wait_s = waits[min(self._failures, len(waits) - 1)]
        self._failures += 1
        return Verdict(code, reason, wait_s)


def dial(config: MqttConfig) -> socket.socket:
    """A connected socket that does not block. Raises OSError."""
    sock = socket.create_connection((config.host, config.port), DIAL_S)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if config.tls:
            context = ssl.create_default_context(cafile=config.ca_file)
            if config.cert_file is not None:
                context.load_cert_chain(config.cert_file, config.key_file)
            sock = context.wrap_socket(sock, server_hostname=config.host)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


class Link:
    """Receives into `inbox`; acknowledges and tells when told that a batch is on disk."""

    def __init__(
        self,
        config: MqttConfig,
        inbox: Inbox[Parcel],
        *,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
        dial: Callable[[MqttConfig], socket.socket] = dial,
    ) -> None:
        self.state = "not started"
        self.received = 0  # messages, since start
        self.reconnects = 0  # connections that were lost, since start
        self.heard_s = monotonic()  # when the last of them came, or the connection became ready
        self._config = config
        self._inbox = inbox
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._dial = dial
        self._outbox = Outbox()
        self._session: Session | None = None  # of the connection that stands
        self._ready_s: float | None = None
        self._trouble: Condition | None = None
        self._attempts = Attempts()
        self._told: deque[tuple[Session | None, list[int], Mapping[tuple[str, str], int]]] = deque()
        self._posts: deque[tuple[str, str, bytes, bool]] = deque(maxlen=MAX_POSTS)
        self._drop = ""  # why the connection is to be given up
        self._renew = False  # there are new settings
        self._ending = False
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        inbox.on_room = self._wake

    @property
    def ready(self) -> bool:
        """Whether messages can come in now."""
        return self._ready_s is not None

    @property
    def connected(self) -> bool:
        """Whether the broker has let us in."""
        session = self._session
        return session is not None and session.connected

    @property
    def protocol(self) -> str:
        """MQTT's version on the connection that stands; "" while there is none."""
        session = self._session
        return "" if session is None else session.protocol

    def start(self) -> None:
        """Begin to connect; returns at once, and goes on trying for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is queued for sending, then disconnect; the broker keeps the session."""
        self._ending = True
        self._wake()
        self._thread.join(LINGER_S + 0.3)
        self.state = "stopped"
        if not self._thread.is_alive():
            self._wake_read.close()
            self._wake_write.close()

    def alive(self) -> bool:
        """Whether the thread runs: it must, from `start` to `stop`."""
        return self._thread.is_alive()

    def settle(self, parcels: Sequence[Parcel], marks: Mapping[tuple[str, str], int]) -> None:
        """The batch is on disk: PUBACK its messages in order of arrival, then tell the devices."""
        session = self._session
        packets = [parcel.packet for parcel in parcels if parcel.source is session and parcel.packet]
        self._told.append((session, packets, marks))
        self._wake()

    def tell(self, marks: Mapping[tuple[str, str], int]) -> None:
        """Tell devices how far their logs are durable, whether they know it or not."""
        self._told.append((None, [], marks))
        self._wake()

    def post(self, device: str, channel: str, payload: bytes, retain: bool) -> None:
        """Publish once on the connection that stands. What is not sent is dropped: who posts repeats."""
        self._posts.append((device, channel, payload, retain))
        self._wake()

    def use(self, config: MqttConfig) -> None:
        """Go on with other settings, on a new connection; what is queued stays queued."""
        self._config = config
        self._renew = True
        self._wake()

    def reconnect(self, why: str) -> None:
        """Give the connection up and open another."""
        self._drop = why
        self._wake()

    def conditions(self) -> list[Condition]:
        """What is wrong with the line now."""
        session, ready_s = self._session, self._ready_s
        found = []
        if self._trouble is not None and (ready_s is None or self._monotonic() - ready_s < STEADY_S):
            found.append(self._trouble)  # once it works again that is over; but for a fight, which may go on
        if session is not None and session.problem:
            found.append(Condition("broker-refused", session.problem, about="down/ack"))
        return found

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake; closed: it has ended
            self._wake_write.send(b"\0")

    def _run(self) -> None:
        while not self._ending:
            self._renew, self._drop = False, ""
            broker = f"{self._config.host}:{self._config.port}"
            if self._trouble is None:
                self.state = f"connecting to {broker}"
            by_broker = False
            try:
                self._converse()
                continue
            except SessionError as err:
                failure = err
            except (ConnectionAbortedError, ConnectionResetError, BrokenPipeError) as err:
                by_broker = True
                failure = SessionError("broker-away", f"the broker closed the connection ({err})")
            except ssl.SSLCertVerificationError as err:
                failure = SessionError(
                    "broker-refused", f"its certificate is not trusted: {err.verify_message}"
                )
            except OSError as err:
                failure = SessionError("broker-away", f"cannot be reached: {err}")
            except Exception as err:  # noqa: BLE001 - a fault of ours must not end the thread
                _FAULT(broker=broker, error=err)
                failure = SessionError("broker-away", f"fault of this program: {err!r}")
            finally:
                ready_s = None if self._ready_s is None else self._monotonic() - self._ready_s
                self._session, self._ready_s = None, None
            self.reconnects += ready_s is not None
            self._wait(self._attempts.ended(failure, ready_s, by_broker=by_broker), broker)

    def _wait(self, verdict: Verdict, broker: str) -> None:
        """Say why there is no connection, until it is time for another."""
        detail = f"{broker}: {verdict.reason}"
        since_ms = self._now_ms()
        if self._trouble is not None and self._trouble.since_ms is not None:
            since_ms = self._trouble.since_ms
        self._trouble = Condition(verdict.code, detail, since_ms)
        self.state = f"{verdict.code.replace('-', ' ')}: {detail}"
        _LOST(broker=broker, reason=verdict.reason, wait_s=verdict.wait_s)
        end_s = self._monotonic() + verdict.wait_s
        while not (self._ending or self._renew) and (left_s := end_s - self._monotonic()) > 0:
            select.select([self._wake_read], [], [], left_s)
            self._sleepless()

    def _sleepless(self) -> None:
        """Take what wakes; what was told while there is no connection becomes marks that wait."""
        with contextlib.suppress(BlockingIOError):
            while len(self._wake_read.recv(4096)) == 4096:
                pass
        while self._posts:
            device, channel, payload, retain = self._posts.popleft()
            if self._session is not None:
                self._session.post(device, channel, payload, retain=retain)
        while self._told:
            session, packets, marks = self._told.popleft()
            if session is not None and session is self._session:
                session.acknowledge(packets)
            for (device, log), seq in marks.items():
                self._outbox.offer(device, log, seq)

    def _converse(self) -> None:
        """One connection; returns when it was ended by us. Raises SessionError, OSError."""
        config = self._config
        sock = self._dial(config)
        poll = select.poll()
        self._outbox.window = WINDOW
        session = Session(config, mqtt_password(config), self._outbox, self._monotonic())
        self._session = session
        end_s: float | None = None  # when it is over, once it was asked to end
        with sock:
            poll.register(self._wake_read, select.POLLIN)
            poll.register(sock, 0)
            while True:
                self._sleepless()
                if self._drop:
                    raise SessionError("broker-away", self._drop)
                session.pump()
                if end_s is None and (self._ending or self._renew):
                    end_s = self._monotonic() + LINGER_S
                    session.out += wire.GOODBYE
                self._write(sock, session)
                now_s = self._monotonic()
                if end_s is not None and (not session.out or now_s >= end_s):
                    return
                listening = self._inbox.has_room() and end_s is None
                if end_s is None:
                    session.tick(now_s, listening=listening)
                wanted = (select.POLLIN if listening else 0) | (select.POLLOUT if session.out else 0)
                poll.modify(sock, wanted)
                wait_s = session.wait_s(now_s) if end_s is None else end_s - now_s
                if listening and isinstance(sock, ssl.SSLSocket) and sock.pending():
                    self._read(sock, session)
                    continue
                events = dict(poll.poll(wait_s * 1000 + 1))
                if listening and events.get(sock.fileno(), 0) & ~select.POLLOUT:
                    self._read(sock, session)
                elif events.get(sock.fileno(), 0) & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                    raise ConnectionResetError("connection lost")

    def _read(self, sock: socket.socket, session: Session) -> None:
        try:
            data = sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        if not data:
            raise ConnectionAbortedError("end of stream")
        publishes = session.feed(data, self._monotonic())
        if session.ready and self._ready_s is None:
            self._became_ready(session)
        if not publishes:
            return
        now_ms = self._now_ms()
        parcels = [
            Parcel(
                Incoming(str(topic, "utf-8", "backslashreplace"), payload, size, now_ms),
                session,
                packet,
                len(payload),
            )
            for topic, packet, payload, size in publishes
        ]
        self.received += len(parcels)
        self.heard_s = self._monotonic()
        self._inbox.offer(parcels)

    def _write(self, sock: socket.socket, session: Session) -> None:
        while session.out:
            try:
                count = sock.send(session.out)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            session.wrote(count, self._monotonic())

    def _became_ready(self, session: Session) -> None:
        self._ready_s = self.heard_s = self._monotonic()
        self.state = "connected"
        if self._trouble is not None and self._trouble.code != "session-taken":
            self._trouble = None
        _READY(
            broker=f"{self._config.host}:{self._config.port}", session="resumed" if session.resumed else "new"
        )
