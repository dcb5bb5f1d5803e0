"""A bucket made where the server has none of that name, with the management API of influxdb-client."""

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from gateway.config import SinkConfig

DEADLINE_MS = 10_000


def make(config: SinkConfig) -> str:
    """Make the sink's bucket; why it could not be made, or "" when it was. Never raises."""
    seconds = config.retention_days * 86_400
    rules = BucketRetentionRules(type="expire", every_seconds=seconds)  # type: ignore[no-untyped-call]
    ca_file = str(config.ca_file) if config.ca_file else None
    try:
        with InfluxDBClient(
            config.url, config.secret() or "", org=config.org, timeout=DEADLINE_MS, ssl_ca_cert=ca_file
        ) as client:
            client.buckets_api().create_bucket(
                bucket_name=config.bucket,
                org=config.org,
                retention_rules=[rules] if config.retention_days else [],
                description="huishou: weighings, positions and states of a city's recycling",
            )
    except ApiException as err:
        return f"{err.status}: {str(err.body or err.reason).strip()[:300]}"
    except (InfluxDBError, HTTPError, OSError, ValueError) as err:
        return str(err)[:300]
    return ""
