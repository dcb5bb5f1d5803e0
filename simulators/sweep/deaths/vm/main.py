"""The firmware's `main`, with a saboteur beside it."""

import sabotage
from edge.app.start import start

sabotage.arm()
start()
