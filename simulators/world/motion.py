"""How a loaded truck moves along a way: speed limits, corners, lights, gentle acceleration and braking.

A drive is worked out once, as pieces of constant acceleration; where the truck is at any instant is then
looked up.
"""

import itertools
import math
from bisect import bisect_right
from dataclasses import dataclass

from simulators.world.geometry import Point, course_deg, turn_deg
from simulators.world.kernel import Stream
from simulators.world.streets import Streets
from simulators.world.tables import from_quantiles, table

ACCELERATE = 0.8  # m/s2, a loaded truck
BRAKE = 1.1
_CORNER = 3.5  # m/s round a right angle
_RED = 0.35  # share of lights that stop the truck


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is and how it moves."""

    point: Point
    speed: float
    """m/s"""
    course: float
    """Degrees clockwise from north."""


@dataclass(frozen=True, slots=True)
class Drive:
    """One drive from standstill to standstill. Times in seconds from its start."""

    points: tuple[Point, ...]
    along: tuple[float, ...]
    """Distance from the start at each point."""
    pieces: tuple[tuple[float, float, float, float], ...]
    """(time, distance, speed, acceleration) at the start of each piece."""
    seconds: float

    @property
    def metres(self) -> float:
        """Length of the way."""
        return self.along[-1]

    def at(self, t: float) -> Place:
        """Where the truck is after t seconds."""
        t0, s0, v0, a = self.pieces[bisect_right(self.pieces, t, key=lambda p: p[0]) - 1]
        dt = min(max(t - t0, 0.0), self.seconds - t0)
        s = min(s0 + v0 * dt + a * dt * dt / 2, self.metres)
        i = min(max(bisect_right(self.along, s) - 1, 0), len(self.along) - 2)
        p, q = self.points[i], self.points[i + 1]
        share = (s - self.along[i]) / (self.along[i + 1] - self.along[i])
        here = (p[0] + (q[0] - p[0]) * share, p[1] + (q[1] - p[1]) * share)
        return Place(here, max(v0 + a * dt, 0.0), course_deg(p, q))


def plan_drive(streets: Streets, way: tuple[int, ...], rng: Stream) -> Drive:
    """Work out the drive along a way of at least two nodes; `rng` decides which lights are red, and for how
    long.
    """
    points = tuple(streets.points[n] for n in way)
    along = [0.0]
    limits: list[float] = []
    for a, b in itertools.pairwise(way):
        length, limit = streets.links[a][b]
        along.append(along[-1] + length)
        limits.append(limit * rng.uniform(0.85, 1.0))
    waits = _waits(streets, way, rng)
    caps = [0.0]  # highest speed at each node
    for i in range(1, len(way) - 1):
        turn = turn_deg(points[i - 1], points[i], points[i + 1])
        corner = _CORNER * (90.0 / turn) ** 0.7 if turn > 8 else 99.0
        caps.append(0.0 if waits[i] else min(limits[i - 1], limits[i], corner))
    caps.append(0.0)
    for i in range(len(caps) - 2, -1, -1):  # one must be able to brake for what comes
        caps[i] = min(caps[i], math.sqrt(caps[i + 1] ** 2 + 2 * BRAKE * (along[i + 1] - along[i])))
    for i in range(1, len(caps)):  # and to have got that fast
        caps[i] = min(caps[i], math.sqrt(caps[i - 1] ** 2 + 2 * ACCELERATE * (along[i] - along[i - 1])))
    pieces: list[tuple[float, float, float, float]] = []
    t = 0.0
    for i, limit in enumerate(limits):
        if waits[i]:
            pieces.append((t, along[i], 0.0, 0.0))
            t += waits[i]
        t = _link(pieces, t, along[i], along[i + 1], caps[i], caps[i + 1], limit)
    return Drive(points, tuple(along), tuple(pieces), t)


def _waits(streets: Streets, way: tuple[int, ...], rng: Stream) -> list[float]:
    """Seconds of standing at each node of the way: red lights, as long as Jersey's trucks stand, but no
    longer than a cycle.
    """
    waits = [0.0] * len(way)
    for i in range(1, len(way) - 1):
        if way[i] in streets.signals and rng.random() < _RED:
            waits[i] = min(from_quantiles(rng, table("jersey")["stand_s_quantiles"]), 90.0) * rng.random()
    return waits


def _link(
    pieces: list[tuple[float, float, float, float]],
    t: float,
    s0: float,
    s1: float,
    v0: float,
    v1: float,
    limit: float,
) -> float:
    """Append the pieces from s0 (at speed v0) to s1 (at v1): speed up, cruise, brake. Returns the
    time at s1.
    """
    top = min(limit, math.sqrt((2 * ACCELERATE * BRAKE * (s1 - s0) + BRAKE * v0**2 + ACCELERATE * v1**2)
                               / (ACCELERATE + BRAKE)))  # fmt: skip
    top = max(top, v0, v1)
    up_m, down_m = (top**2 - v0**2) / (2 * ACCELERATE), (top**2 - v1**2) / (2 * BRAKE)
    cruise_m = max(s1 - s0 - up_m - down_m, 0.0)
    if top > v0:
        pieces.append((t, s0, v0, ACCELERATE))
        t += (top - v0) / ACCELERATE
    if cruise_m > 0:
        pieces.append((t, s0 + up_m, top, 0.0))
        t += cruise_m / top
    if top > v1:
        pieces.append((t, s0 + up_m + cruise_m, top, -BRAKE))
        t += (top - v1) / BRAKE
    return t
