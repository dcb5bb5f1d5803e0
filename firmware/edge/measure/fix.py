"""What a satellite receiver says of one instant."""


class Fix:
    """One epoch's fix, as reported. None: not reported."""

    def __init__(self) -> None:
        self.utc_ms: "int | None" = None
        self.lat_e7 = 0
        self.lon_e7 = 0
        self.speed_cmps: "int | None" = None
        self.course_cdeg: "int | None" = None
        self.hdop_c: "int | None" = None
        self.sats: "int | None" = None
