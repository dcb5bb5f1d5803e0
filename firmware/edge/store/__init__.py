"""What must survive a power cut: the flash log (a raw ring of records) and the settings (two copies).

Knows block devices (`readblocks`, `writeblocks`, `ioctl`), nothing above them. Also runs under CPython.
"""
