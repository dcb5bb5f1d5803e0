"""Fixes from real receivers' logs, against a second reading of the same bytes with exact fractions."""

import datetime
from fractions import Fraction

import pytest
from edge.drivers import nmea
from edge.drivers.nmea import Receiver
from edge.measure.fix import Fix
from hypothesis import given
from hypothesis import strategies as st

Place = tuple[int, int]


def read(log: bytes, chunk: int = 4096) -> list[Fix]:
    receiver = Receiver()
    fixes: list[Fix] = []
    for at in range(0, len(log), chunk):
        fixes += receiver.feed(log[at : at + chunk])
    return fixes + list(receiver.idle())


def sentences(log: bytes) -> list[list[str]]:
    """All sentences with a right checksum, read independently of the device's parser."""
    found = []
    for line in log.splitlines():
        body, star, check = line.strip().rpartition(b"*")
        body = body[body.rfind(b"$") + 1 :]
        total = 0
        for byte in body:
            total ^= byte
        if star and len(check) == 2 and f"{total:02X}".encode() == check.upper():
            found.append(body.decode("ascii", "replace").split(","))
    return found


def e7(text: str, hemisphere: str) -> int:
    """The nearest 1e-7 degree, halves away from zero, by fractions."""
    point = text.index(".")
    value = (int(text[: point - 2]) + Fraction(text[point - 2 :]) / 60) * 10_000_000
    return int(value + Fraction(1, 2)) * (-1 if hemisphere in "SW" else 1)


def truth(log: bytes) -> tuple[dict[str, set[Place]], set[str]]:
    """(places that the log reports, by time of day; times at which a sentence says that there is no fix)."""
    places: dict[str, set[Place]] = {}
    without: set[str] = set()
    for s in sentences(log):
        kind = s[0][2:]
        if kind == "RMC" and s[2] == "A":
            places.setdefault(s[1], set()).add((e7(s[3], s[4]), e7(s[5], s[6])))
        elif kind == "GGA" and s[6] not in ("", "0"):
            places.setdefault(s[1], set()).add((e7(s[2], s[3]), e7(s[4], s[5])))
        elif kind in ("RMC", "GGA"):
            without.add(s[1])
    return places, without


def tod_text(fix: Fix) -> datetime.time:
    return datetime.datetime.fromtimestamp(fix.utc_ms / 1000, datetime.UTC).time()


def as_time(text: str) -> datetime.time:
    return datetime.time(
        int(text[:2]), int(text[2:4]), int(text[4:6]), int(round(float("0" + text[6:] or 0), 3) * 1e6)
    )


def test_every_fix_is_one_that_the_log_reports_at_its_own_time(nmea_log: bytes) -> None:
    places, without = truth(nmea_log)
    by_time = {as_time(text): found for text, found in places.items() if text}
    silent = {as_time(text) for text in without if text}
    for fix in read(nmea_log):
        assert fix.utc_ms is not None
        assert (fix.lat_e7, fix.lon_e7) in by_time[tod_text(fix)]
        assert tod_text(fix) not in silent


def test_all_but_the_last_epoch_with_a_fix_are_found(nmea_log: bytes) -> None:
    places, without = truth(nmea_log)
    assert len(read(nmea_log)) >= len(set(places) - without) - 1


def test_it_does_not_matter_how_the_bytes_arrive(nmea_log: bytes) -> None:
    whole = [vars(fix) for fix in read(nmea_log)]
    for chunk in (1, 7, 64):
        assert [vars(fix) for fix in read(nmea_log, chunk)] == whole


@given(data=st.data())
def test_garbled_bytes_never_make_a_place_that_was_not_reported(data: st.DataObject) -> None:
    log = b"".join(
        sentence(f"GPRMC,1200{k:02d}.00,A,3907.20{k:02d},N,11709.0000,E,1.0,,010126,,,A") for k in range(20)
    )
    places = {place for found in truth(log)[0].values() for place in found}
    damaged = bytearray(log)
    for _ in range(
        data.draw(st.integers(1, 3))
    ):  # an XOR checksum finds any damage to one byte of a sentence
        line = data.draw(st.integers(0, 19))
        size = len(log) // 20
        damaged[line * size + data.draw(st.integers(1, size - 6))] ^= data.draw(st.integers(1, 255))
    seen = [(fix.lat_e7, fix.lon_e7) for fix in read(bytes(damaged))]
    lines_hit_twice = len(seen) and not set(seen) <= places
    if lines_hit_twice:  # two hits on one line may cancel out in the checksum: then the sentence was valid
        assert set(seen) <= {place for found in truth(bytes(damaged))[0].values() for place in found}


def sentence(text: str) -> bytes:
    total = 0
    for byte in text.encode():
        total ^= byte
    return f"${text}*{total:02X}\r\n".encode()


RMC = "GNRMC,{t},{status},3907.2345,N,11709.5000,E,10.0,359.96,311225,,,{mode}"
GGA = "GNGGA,{t},3907.2345,N,11709.5000,E,{quality},08,0.95,4.0,M,,M,,"


def rmc(t: str, status: str = "A", mode: str = "A") -> bytes:
    return sentence(RMC.format(t=t, status=status, mode=mode))


def gga(t: str, quality: int = 1) -> bytes:
    return sentence(GGA.format(t=t, quality=quality))


def test_a_pair_is_one_fix_with_the_fields_of_both() -> None:
    (fix,) = read(gga("120000.25") + rmc("120000.25"))
    assert vars(fix) == {
        "utc_ms": 1767182400250,
        "lat_e7": 391205750,
        "lon_e7": 1171583333,
        "speed_cmps": 514,
        "course_cdeg": 35996,
        "hdop_c": 95,
        "sats": 8,
    }


@pytest.mark.parametrize(
    ("log", "count"),
    [
        (rmc("120000") + gga("120000", 0), 0),
        (rmc("120000", "V") + gga("120000"), 0),
        (rmc("120000", "A", "N") + gga("120000"), 0),
        (rmc("120000", "A", "E") + gga("120000", 6), 0),
        (rmc("120000") + rmc("120001") + rmc("120002"), 3),
        (gga("120000") + gga("120001") + gga("120002"), 3),
        (rmc("120000") + gga("120001") + rmc("120001"), 2),
        (rmc("120000").replace(b"*", b"") + gga("120000")[:-6] + b"\r\n", 0),
        (rmc("250000") + rmc("126000") + rmc("120061"), 0),
    ],
)
def test_which_epochs_have_a_fix(log: bytes, count: int) -> None:
    assert len(read(log)) == count


def test_a_receiver_of_gga_alone_takes_its_date_from_zda_across_midnight() -> None:
    log = (
        sentence("GPZDA,235959.00,31,12,2025,00,00") + gga("235959.00") + gga("000000.00") + gga("000001.00")
    )
    assert [fix.utc_ms for fix in read(log)] == [1767225599000, 1767225600000, 1767225601000]
    assert [fix.utc_ms for fix in read(gga("120000") + gga("120001"))] == [None, None]


@given(
    st.integers(0, 89),
    st.integers(0, 59),
    st.text("0123456789", min_size=1, max_size=7),
    st.sampled_from("NS"),
)
def test_angles_are_exact(degrees: int, minutes: int, fraction: str, hemisphere: str) -> None:
    text = f"{degrees:02d}{minutes:02d}.{fraction}"
    assert nmea.angle_e7(text, hemisphere, "N", "S", 90) == e7(text, hemisphere)


@pytest.mark.parametrize("date", ["", "2126", "21112", "2111260", "211326", "311126"])
def test_a_date_that_cannot_be_is_no_date_though_its_checksum_is_right(date: str) -> None:
    dated = RMC.format(t="120000", status="A", mode="A").replace("311225", date)
    (fix,) = read(sentence(dated) + gga("120000"))
    assert fix.utc_ms is None


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(noise: bytes) -> None:
    read(noise + b"\n" + noise)
