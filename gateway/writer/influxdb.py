"""The HTTP shell of the writer.

One synchronous write, one answer: influxdb-client without its batching, which drops points.
"""

import time
from types import TracebackType
from typing import Self

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from gateway.config import InfluxdbConfig
from gateway.writer.delivery import Answer, Kind, judge


class Influxdb:
    """A server of the InfluxDB v2 write API. The token is read anew for each attempt after a failure."""

    def __init__(self, config: InfluxdbConfig) -> None:
        self._config = config
        self._client: InfluxDBClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._close()

    def write(self, body: bytes) -> Answer:
        """Send lines, their times in ns (the API's default).

        Never raises for what the server or the network does.
        """
        if self._client is None:
            token = self._config.secret()
            if not token:
                return Answer(Kind.STOP, 0, "no token: set influxdb.token_file or HUISHOU_INFLUXDB_TOKEN")
            self._client = InfluxDBClient(
                url=self._config.url, token=token, org=self._config.org, timeout=self._config.timeout_s * 1000
            )
        answer = self._write(self._client, body)
        if answer.kind is Kind.STOP or answer.status == 0:
            self._close()  # a new connection, and perhaps a new token, next time
        return answer

    def _write(self, client: InfluxDBClient, body: bytes) -> Answer:
        try:
            client.write_api(write_options=SYNCHRONOUS).write(
                bucket=self._config.bucket,
                org=self._config.org,
                record=body,
            )
        except ApiException as err:
            if not err.status:  # TLS trouble comes this way
                return Answer(Kind.LATER, 0, str(err.reason))
            retry_after = err.headers.get("Retry-After") if err.headers else None
            return judge(err.status, str(err.body or err.reason), retry_after, time.time())
        except (HTTPError, OSError, UnicodeDecodeError) as err:
            return Answer(Kind.LATER, 0, f"{type(err).__name__}: {err}")
        return Answer(Kind.TAKEN, 204, "")

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]
            self._client = None
