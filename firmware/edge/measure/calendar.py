"""The proleptic Gregorian calendar in integers (after H. Hinnant, "chrono-compatible low-level date
algorithms").
"""


def civil(ms: int) -> "tuple[int, int, int, int, int, int, int]":
    """(year, month, day, hour, minute, second, ms) of a time since 1970 (proleptic Gregorian)."""
    days, rest = divmod(ms, 86_400_000)
    days += 719_468
    era, doe = divmod(days, 146_097)
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    second, milli = divmod(rest, 1000)
    return (
        yoe + era * 400 + (month <= 2),
        month,
        doy - (153 * mp + 2) // 5 + 1,
        second // 3600,
        second // 60 % 60,
        second % 60,
        milli,
    )


def days(year: int, month: int, day: int) -> "int | None":
    """Days from 1970-01-01 to a date of the Gregorian calendar; None when there is no such date."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    year -= month <= 2
    era, yoe = divmod(year, 400)
    doy = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    number = era * 146_097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719_468
    return number if civil(number * 86_400_000)[2] == day else None  # 31 November
