"""Measurements that the documentation quotes: each behind a `make bench-…` (or `profile-…`) target, each
prints a table for people and one JSON object in its last line. The gateway is driven through its command
line, like any other program that is measured.
"""
