"""From converter counts to grams, in integers.

Terms of OIML R 76: e, the verification scale interval; Min, the minimum capacity (20 e for class III).
A calibration is two points: the counts at no load, and the counts that a known mass adds. Zero is part of the
calibration and is never taken at boot: a bin that starts full must not forget what it holds.
"""

from edge.measure.integer import divide

MIN_INTERVALS = 20


class Calibration:
    """`cal`: its id. `zero`: counts at no load. `span`: counts that `span_g` grams add (negative: cell
    upside down).
    """

    def __init__(self, cal: str, zero: int, span: int, span_g: int, e_g: int) -> None:
        if not span or span_g <= 0 or e_g <= 0:
            raise ValueError("a calibration needs span, span_g and e_g that are not zero")
        self.cal = cal
        self.zero = zero
        self.span = span
        self.span_g = span_g
        self.e_g = e_g

    def grams(self, counts: int) -> int:
        """Mass of `counts`, to the gram."""
        return divide((counts - self.zero) * self.span_g, self.span)

    def indication(self, counts: int) -> int:
        """Mass of `counts`, rounded to the scale interval e: what is shown, recorded and subtracted."""
        return divide((counts - self.zero) * self.span_g, self.span * self.e_g) * self.e_g

    def counts(self, grams: int) -> int:
        """How many counts a difference of `grams` makes, at least 1."""
        return max(1, abs(divide(grams * self.span, self.span_g)))

    def below_min(self, net_g: int) -> bool:
        return net_g < MIN_INTERVALS * self.e_g


class Stability:
    """A window of conversions that is stable when all lie within a band; single spikes are outlived, not
    averaged in.

    `band`: greatest minus smallest, in counts. Complexity: `size` comparisons a conversion.
    """

    def __init__(self, band: int, size: int = 6) -> None:
        self._band = band
        self._size = size
        self._window: "list[int]" = []

    def add(self, counts: int) -> "int | None":
        """The mean of the window when it is full and stable, else None."""
        window = self._window
        window.append(counts)
        if len(window) > self._size:
            window.pop(0)
        if len(window) < self._size or max(window) - min(window) > self._band:
            return None
        return divide(sum(window), len(window))

    def median(self) -> "int | None":
        """The best guess while it is not stable; None without any conversion."""
        return sorted(self._window)[len(self._window) // 2] if self._window else None
