"""Starts the unit that the settings describe. On the chip this is frozen as `main`; `edge` lies in ROMFS."""

import gc

# Collected long before the heap is full: what lasts comes to lie together, and what is free in one piece.
gc.threshold(gc.mem_free() // 2)

from edge.app.start import start  # noqa: E402

start()
