"""How many readings and positions are still written as the flash log fills, so that weighings have room.

The room that the log keeps free for weighings apart: while more than half of the rest is free, every one is
written; in the quarter behind, every second; in the eighth behind that, every fourth; and so on up to every
sixteenth. Each step lasts as long as the one before. In the reserve: none.
"""

LEAST = 16  # one of so many is written until the reserve is reached


def keep_each(spare: int, whole: int) -> int:
    """Every how manieth is written, with `spare` of `whole` free; 0: none."""
    if spare <= 0:
        return 0
    each = 1
    while each < LEAST and 2 * each * spare <= whole:
        each *= 2
    return each
