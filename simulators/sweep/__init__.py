"""Sweeps: long runs that hurt the whole system at random instants, seeded, and then count.

Each has a `make` target, prints a table for people and one JSON object as its last line, ends with non-zero
on any loss, and names the command that repeats it. Drives the gateway through its command line only.
"""
