"""Starts the unit that the settings describe. On the chip this is frozen as `main`."""

from edge.app.start import start

start()
