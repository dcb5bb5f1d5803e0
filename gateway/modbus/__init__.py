"""Modbus stations: indicators that number their own weighings and are asked for each one by its number.

`registers` (pure) turns a register map into reads and words into values; `weighings` (pure) turns what was
read into records; `bus` makes one exchange at a time on a line and never lets a late answer pass for
another; `client` is one unit on it; `station` polls one indicator and hands its weighings to intake.
"""
