"""The writer process.

It follows the journal, writes what is accepted or flagged, and moves the cursor after the 2xx.
"""

import logging
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from gateway.config import Config
from gateway.contract import ContractError, decode_records
from gateway.devices import Device, Devices
from gateway.journal import JournalError, JournalReader, Note, Outcome, Row
from gateway.processes import Facts, Say
from gateway.writer.delivery import Answer, Delivered, Kind, deliver
from gateway.writer.influxdb import Influxdb
from gateway.writer.line import LineError, encode
from gateway.writer.store import RefusedLine, WriterStore

log = logging.getLogger(__name__)

POLL_S = 0.2
ROWS = 1_000  # read at once; lines decide how many of them make a batch
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STOPPED_S = 10.0  # between attempts while the server says no: a repaired token works soon enough
_PLAIN = Note(Outcome.ACCEPTED)


class Batch(Struct):
    """Lines of whole journal rows. `names[i]`: row, device, log and seq of `lines[i]`."""

    cursor: int
    lines: list[bytes]
    names: list[tuple[int, str, str, int]]
    refused: list[RefusedLine]


def take(rows: list[Row], most: int, device: Callable[[str], Device | None], now_ms: int) -> Batch:
    """Make a batch of about `most` lines of the first of `rows` (at least one row). Pure.

    Quarantined records are not written. What cannot be decoded or expressed in line protocol is refused here.
    """
    batch = Batch(0, [], [], [])
    for row in rows:
        if batch.lines and len(batch.lines) + row.last - row.first + 1 > most:
            break
        batch.cursor = row.id
        try:
            items = decode_records(row.body).recs
        except ContractError as err:  # journaled by another version of this program, perhaps
            batch.refused += [
                RefusedLine(now_ms, row.id, row.device, row.log, one.seq, one.raw, 0, str(err))
                for one in row.records()
            ]
            continue
        notes, known = row.noted(), device(row.device)
        for seq, item in enumerate(items, start=row.first):
            note = notes.get(seq, _PLAIN)
            if note.outcome is Outcome.QUARANTINED or item.record is None:
                continue
            try:
                line = encode(row.device, known, row.log, item.record, note.t_ms)
            except LineError as err:
                refused = RefusedLine(now_ms, row.id, row.device, row.log, seq, item.raw, 0, str(err))
                batch.refused.append(refused)
                continue
            batch.lines.append(line)
            batch.names.append((row.id, row.device, row.log, seq))
    return batch


class Writer:
    """Follows one journal into one database."""

    def __init__(self, config: Config, say: Say, stopped_s: float = STOPPED_S) -> None:
        self._config = config
        self._say = say
        self._stopped_s = stopped_s
        self._journal = JournalReader(config.store.path)
        self._devices = Devices(config.devices.file)
        self._failures = 0
        self._state = ""

    def run(self, stop: threading.Event) -> None:
        """Write until `stop` is set."""
        store = WriterStore(self._config.store.path)
        try:
            with self._journal, Influxdb(self._config.influxdb) as influxdb:
                while not stop.is_set():
                    try:
                        rows = self._journal.read(store.progress().cursor, ROWS)
                    except JournalError as err:
                        self._failures += 1
                        self._tell("journal-failed", str(err), logging.ERROR)
                        stop.wait(self._pause_s())
                        continue
                    if rows:
                        self._write(rows, store, influxdb, stop)
                        continue
                    self._failures = 0
                    self._tell("up to date", "")
                    stop.wait(POLL_S)
        finally:
            store.close()

    def _write(self, rows: list[Row], store: WriterStore, influxdb: Influxdb, stop: threading.Event) -> None:
        """One batch, tried with the same bytes until it is in or the process stops."""
        self._devices.refresh()
        batch = take(rows, self._config.influxdb.batch_lines, self._devices.get, _now_ms())
        while not stop.is_set():
            result = deliver(batch.lines, influxdb.write)
            if isinstance(result, Delivered):
                self._failures = 0
                refused = batch.refused + [
                    RefusedLine(_now_ms(), *batch.names[c.place], batch.lines[c.place], c.status, c.words)
                    for c in result.convicts
                ]
                for line in refused:
                    log.error(
                        "[line-refused] %s %s %d: %d %s",
                        line.device,
                        line.log,
                        line.seq,
                        line.status,
                        line.words,
                    )
                store.advance(batch.cursor, len(batch.lines) - len(result.convicts), refused)
                self._tell("writing", "", cursor=batch.cursor)
                return
            self._failed(result)
            stop.wait(self._pause_s(result))

    def _failed(self, answer: Answer) -> None:
        self._failures += 1
        url = self._config.influxdb.url
        if answer.kind is Kind.STOP:
            text = f"InfluxDB {url} says no ({answer.status}): {answer.words}"
            self._tell("stopped", text + " Check token, org and bucket.", logging.ERROR)
        elif answer.status:
            self._tell(
                "waiting", f"InfluxDB {url} is busy ({answer.status}): {answer.words}", logging.WARNING
            )
        else:
            self._tell("waiting", f"InfluxDB {url} cannot be reached: {answer.words}", logging.WARNING)

    def _pause_s(self, answer: Answer | None = None) -> float:
        if answer is not None and answer.kind is Kind.STOP:
            return self._stopped_s
        if answer is not None and answer.after_s is not None:
            return answer.after_s
        return BACKOFF_S[min(self._failures, len(BACKOFF_S)) - 1]

    def _tell(self, state: str, detail: str, level: int = logging.INFO, **facts: object) -> None:
        """Say how it stands; log it only when the state changes."""
        if state != self._state:
            if level > logging.INFO or self._state in ("waiting", "stopped"):
                log.log(level, "%s %s", state, detail)
            self._state = state
        said: Facts = {"state": state, "detail": detail, "failures": self._failures, **facts}
        self._say(said)


def run(config: Config, stop: threading.Event, say: Say) -> None:
    """The process body."""
    Writer(config, say).run(stop)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
