"""Starts the unit that the settings describe. On the chip this is frozen as `main`."""

import asyncio
import sys
import time

import machine
from edge.app.unit import Unit

RETRY_S = 60  # an error at start is tried again, not fast enough to empty a battery or wear anything out


def main() -> None:
    unit = Unit()
    if unit.settings["unit"] == "bin":
        from edge.app.bin import Bin

        asyncio.run(Bin(unit).run())
    else:
        from edge.app.truck import Truck

        asyncio.run(Truck(unit).run())


try:
    main()
except Exception as error:
    sys.print_exception(error)
    time.sleep(RETRY_S)
    machine.reset()
