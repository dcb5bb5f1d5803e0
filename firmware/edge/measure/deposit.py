"""What a visit was, from the weights before and after it and from what was seen in between. Never guessed.

    seen                                                     outcome    code
    the scale is not calibrated                              refused    uncalibrated
    a weighing failed: silent, at the rail, overloaded, …    fault      the scale's
    a weighing did not settle                                unstable   leaning, swaying, shaking, creeping,
                                                                        unstable
    before it, the load had changed though no door opened    unstable   leaning
    the door was not closed and bolted when it was weighed   refused    lid-open
    it stood shut for a while, then was opened again         refused    door-reopened
    the door was opened that was not unlocked                refused    forced
    zero was set in between                                  refused    zero-moved
    more than e heavier                                      deposit    -
    more than e lighter                                      removed    -
    neither                                                  nothing    -

Two people in turn are two visits, each between its own two weighings. A door that is opened again at once
is the same hands (the bolt had no time to fall home, nobody else no time to come); later, before it was
weighed, what each brought cannot be told. Both weights are rounded to e, so a change of one e is what no
change may look like.
"""

from edge.measure.weighing import Weighing

# Faults of a bay's parts, by what they mean for a visit: broken (switch-conflict of its lock: nobody could
# tell when its door is open), or it takes material and sells no weight.
BROKEN = "scale-silent scale-at-rail scale-garbled scale-stuck scale-no-excitation switch-conflict"
DOUBTFUL = "scale-contact scale-jumps scale-noisy uncalibrated"
SAME_HANDS_MS = 3000
UNSTABLE = ("unstable", "leaning", "swaying", "shaking", "creeping")


class Seen:
    """Between the two weighings. `opened`: how often the door went open; `closed`, `bolted`: as its two
    switches showed all the while that it was weighed after; `reopened_ms`: the longest that it had stood
    shut when it was opened again; `forced`: it went open while it should have been bolted; `leaned`: the
    weight before was not what the closed bay last weighed.
    """

    def __init__(
        self,
        opened: int = 1,
        closed: bool = True,
        bolted: bool = True,
        reopened_ms: int = 0,
        forced: bool = False,
        leaned: bool = False,
    ) -> None:
        self.opened = opened
        self.closed = closed
        self.bolted = bolted
        self.reopened_ms = reopened_ms
        self.forced = forced
        self.leaned = leaned


class Verdict:
    """`outcome`: `deposit`, or that of a session record; `code`: why (None where the outcome says it).
    `net_g`: after minus before (0 when one is no weight); `below_min`: too little to be settled as mass.
    """

    def __init__(
        self, outcome: str, code: "str | None" = None, net_g: int = 0, below_min: bool = False
    ) -> None:
        self.outcome = outcome
        self.code = code
        self.net_g = net_g
        self.below_min = below_min


def unweighed(weighing: Weighing) -> "Verdict | None":
    """The verdict when this weighing gave no weight; None when it did."""
    code = weighing.code
    if code is None:
        return None
    if code == "uncalibrated":
        return Verdict("refused", code)
    return Verdict("unstable" if code in UNSTABLE else "fault", code)


def judge(before: Weighing, after: Weighing, seen: Seen, e_g: int, min_g: int) -> Verdict:
    """The one outcome of a visit at one bay."""
    verdict = Verdict("unstable", "leaning") if seen.leaned else unweighed(before)
    if verdict is None and not (seen.closed and seen.bolted):
        verdict = Verdict("refused", "lid-open")
    if verdict is None and seen.forced:
        verdict = Verdict("refused", "forced")
    if verdict is None and seen.opened > 1 and seen.reopened_ms > SAME_HANDS_MS:
        verdict = Verdict("refused", "door-reopened")
    verdict = verdict or unweighed(after)
    if verdict:
        return verdict
    if before.zero is not None and before.zero != after.zero:
        return Verdict("refused", "zero-moved")
    before_g, after_g = before.grams, after.grams
    if before_g is None or after_g is None:
        raise ValueError("a weighing without a code has grams")
    net_g = after_g - before_g
    if net_g > e_g:
        return Verdict("deposit", None, net_g, net_g < min_g)
    return Verdict("removed" if net_g < -e_g else "nothing", None, net_g)


def leans(now: Weighing, known_mg: int, known_temp_dc: "int | None", e_g: int) -> bool:
    """Whether a closed bay weighs something else than it last did. No load are two intervals; one more for
    every 5 degrees C since (the drift that R 76-1, 3.9.2.3 allows); and, while not stable, half of its swing.
    """
    if now.mg is None or (now.code is not None and now.code not in UNSTABLE):
        return False
    allowed_e = 2
    if now.temp_dc is not None and known_temp_dc is not None:
        allowed_e += (abs(now.temp_dc - known_temp_dc) + 49) // 50
    return abs(now.mg - known_mg) > allowed_e * 1000 * e_g + now.swing_mg
