"""Reads the third ledger from where it is: every point that InfluxDB returns."""

import csv
import http.client
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import schemas
from simulators.demo.points import Point, Value
from simulators.servers.errors import ServerError
from simulators.servers.influxdb import Access

_QUERY_S = 120.0
# Columns of a result that are not tags.
_OWN = frozenset(["", "result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement"])


def kinds() -> list[str]:
    """The kinds of record, hence the measurements, that the contract knows."""
    return [ref["$ref"].rpartition("/")[2] for ref in schemas.load("record")["oneOf"]]


def influxdb(access: Access, measurements: Iterable[str] | None = None) -> Iterator[Point]:
    """Every point of a bucket, one measurement after the other; `None`: all there are.

    Raises `ServerError` (`influxdb-query`) when the server does not answer the query.
    """
    for measurement in measurements if measurements is not None else _measurements(access):
        flux = (
            f"from(bucket: {json.dumps(access.bucket)}) |> range(start: 0, stop: 2262-01-01T00:00:00Z)"
            f" |> filter(fn: (r) => r._measurement == {json.dumps(measurement)})"
            ' |> drop(columns: ["_start", "_stop"])'
        )
        yield from points_of_csv(measurement, _query(access, flux))


def _measurements(access: Access) -> list[str]:
    flux = (
        'import "influxdata/influxdb/schema"\n'
        f"schema.measurements(bucket: {json.dumps(access.bucket)}, start: 0, stop: 2262-01-01T00:00:00Z)"
    )
    rows = [row for row in csv.reader(_query(access, flux)) if row and not row[0].startswith("#")]
    return [row[-1] for row in rows if row[-1] != "_value"]


def _query(access: Access, flux: str) -> Iterator[str]:
    """The lines of a Flux query's annotated CSV, as they arrive."""
    parts = urlsplit(access.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    link = kind(parts.hostname or "", parts.port, timeout=_QUERY_S)
    try:
        body = json.dumps({"query": flux, "dialect": {"annotations": ["datatype"]}})
        headers = {
            "Authorization": f"Token {access.token}",
            "Content-Type": "application/json",
            "Accept": "application/csv",
        }
        link.request("POST", f"{parts.path}/api/v2/query?org={quote(access.org)}", body, headers)
        answer = link.getresponse()
        if answer.status != 200:
            words = answer.read(2000).decode("utf-8", "replace")
            raise ServerError(
                "influxdb-query",
                f"InfluxDB at {access.url} answered a query with {answer.status}: {words}",
            )
        yield from io.TextIOWrapper(answer, encoding="utf-8", newline="")
    except (OSError, http.client.HTTPException) as error:
        raise ServerError(
            "influxdb-query", f"InfluxDB at {access.url} does not answer a query: {error}"
        ) from error
    finally:
        link.close()


def points_of_csv(measurement: str, lines: Iterable[str]) -> Iterator[Point]:
    """Points put together from a result that has one row per field. Pure.

    Rows of one series and field stand together, rows of one point do not, hence the whole measurement is
    read first.
    """
    found: dict[tuple[tuple[tuple[str, str], ...], int], dict[str, Value]] = {}
    types: list[str] = []
    header: list[str] = []
    columns: dict[str, int] = {}
    tags: list[tuple[str, int]] = []
    for row in csv.reader(lines):
        if not row:
            header = []  # a table with other columns follows
        elif row[0] == "#datatype":
            types, header = row, []
        elif row[0].startswith("#"):
            continue
        elif not header:
            header = row
            if "error" in header:
                continue
            columns = {name: place for place, name in enumerate(header)}
            tags = [(name, place) for name, place in columns.items() if name not in _OWN]
        elif "error" in header:
            raise ServerError("influxdb-query", f"InfluxDB broke off its answer: {row}")
        else:
            series = tuple((name, row[place]) for name, place in tags if row[place] != "")
            place = columns["_value"]
            point = found.setdefault((series, _nanoseconds(row[columns["_time"]])), {})
            point[row[columns["_field"]]] = _value(types[place], row[place])
    for (series, time_ns), fields in found.items():
        yield Point(measurement, dict(series), time_ns, fields)


def _value(kind: str, text: str) -> Value:
    if kind == "long":
        return kind, int(text)
    if kind == "double":
        return kind, float(text)
    if kind == "boolean":
        return kind, text == "true"
    return kind, text


def _nanoseconds(text: str) -> int:
    """RFC 3339 in UTC with up to nine decimals, as Flux writes it, in ns since 1970. Exact."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * 1_000_000_000 + int(rest.ljust(9, "0")[:9] or 0)
