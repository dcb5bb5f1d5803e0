"""Measurements that the documentation quotes: run them again with `make bench-sim`."""
