"""Integer arithmetic that floats of 32 bits cannot be trusted with."""


def divide(numerator: int, denominator: int) -> int:
    """Division, rounded to nearest, halves away from zero."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def scaled(text: str, numerator: int, denominator: int = 1) -> "int | None":
    """An unsigned decimal number as written in ASCII, times numerator / denominator, rounded; None when it
    is no such number.
    """
    whole, _point, fraction = text.partition(".")
    if not (whole + fraction).isdigit():
        return None
    return divide(int(whole + fraction) * numerator, denominator * 10 ** len(fraction))


def cos_permille(lat_e7: int) -> int:
    """Cosine of a latitude in 1/1000, Bhaskara's approximation (within 2/1000)."""
    square = (lat_e7 // 100_000) ** 2 // 10_000  # degrees squared
    return 1000 * (32_400 - 4 * square) // (32_400 + square)


def offset_cm(lat_e7: int, lon_e7: int, from_lat_e7: int, from_lon_e7: int) -> "tuple[int, int]":
    """(north, east) in cm from one place to a near one; 1e-7 degree of latitude is 1.11319 cm."""
    north = (lat_e7 - from_lat_e7) * 111_319 // 100_000
    east = (lon_e7 - from_lon_e7) * 111_319 // 100_000 * cos_permille(from_lat_e7) // 1000
    return north, east


def isqrt(value: int) -> int:
    """The integer square root (Newton)."""
    if value < 2:
        return value
    root = 1 << (len(bin(value)) - 1) // 2
    while True:
        better = (root + value // root) // 2
        if better >= root:
            return root
        root = better
