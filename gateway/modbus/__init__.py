"""Modbus stations: indicators that number their own weighings and are asked for each one by its number.

`registers` (pure) turns a register map into reads and words into values; `client` makes one exchange at a
time and never lets a late answer pass for another; `weighings` (pure) turns what was read into records;
`station` polls one indicator and hands its weighings to intake.
"""
