"""A failing plan made small: as few cuts and rude connections as still break the same rule."""

from collections.abc import Callable

from simulators.sweep.power.plan import Plan

MOST_TRIES = 60


def shrink(plan: Plan, fails: Callable[[Plan], bool], most: int = MOST_TRIES) -> Plan:
    """Take away halves, quarters … of the cuts, then of the rude connections, while it still fails.

    `fails` plays a plan; it is asked at most `most` times. The result failed when it was last played.
    """
    tries = most

    def attempt(smaller: Plan) -> bool:
        nonlocal tries, plan
        if tries <= 0:
            return False
        tries -= 1
        if not fails(smaller):
            return False
        plan = smaller
        return True

    attempt(plan.without(rude=set(plan.rude)))
    for pick in ("cuts", "rude"):
        size = max(1, len(getattr(plan, pick)) // 2)
        while tries > 0 and getattr(plan, pick):
            at = 0
            while tries > 0 and at < len(part := sorted(getattr(plan, pick))):
                gone = set(part[at : at + size])
                smaller = plan.without(cuts=gone) if pick == "cuts" else plan.without(rude=gone)
                if not attempt(smaller):
                    at += size
            if size == 1:
                break
            size //= 2
    return plan
