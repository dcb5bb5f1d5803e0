"""Starts the unit that the settings describe. On the chip this is frozen as `main`."""

import asyncio

from edge.app.unit import Unit


def main() -> None:
    unit = Unit()
    if unit.settings["unit"] == "bin":
        from edge.app.bin import Bin as App
    else:
        from edge.app.truck import Truck as App
    asyncio.run(App(unit).run())


main()
