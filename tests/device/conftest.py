"""Where the device's test data lies."""

from pathlib import Path

import pytest

LOGS = sorted((Path(__file__).parent / "data" / "gpsd_nmea").glob("*.nmea"))


@pytest.fixture(params=LOGS, ids=lambda path: path.stem)
def nmea_log(request: pytest.FixtureRequest) -> bytes:
    """Each recorded NMEA log in turn, without its comment lines."""
    lines = request.param.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"#"))
