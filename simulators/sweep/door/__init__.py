"""Thousands of visits at a bin where everything goes wrong: real firmware, virtual time, then the count.

`mischief` (in `simulators.world`) cuts the power, breaks parts, forces doors; `round` plays some days of it;
`judge` holds what the firmware recorded against what really happened. `python -m simulators.sweep.door`.
"""
