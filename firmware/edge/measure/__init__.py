"""Pure computation on integers: no pins, no clock, no files. Runs under CPython too."""
