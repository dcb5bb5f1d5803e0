"""From power to the running application: the one way in, also when something on it is broken.

Black box and supervisor come first, since they need no settings and cannot fail: whatever does is then named,
and counted. After three failed starts in a row there is safe mode instead of the application.
"""

import asyncio

from edge.app.unit import Unit, partition
from edge.blackbox import BlackBox, always, not_yet
from edge.cause import of_error
from edge.errors import EdgeError
from edge.keep import Keep
from edge.supervisor import Supervisor

if False:  # for types
    from edge.app.bin import Bin
    from edge.app.safe import Safe
    from edge.app.truck import Truck
    from edge.drivers.flash import Flash

_SETTINGS = ("settings-missing", "part-unknown", "driver-unknown", "ranger-not-set")


def start() -> None:
    """Run the unit; does not return."""
    supervisor = supervise()
    try:
        app = _application(supervisor)
    except Exception as error:
        supervisor.box.may_write = always  # nobody knows better
        supervisor.fail(_at_start(error), error)
        return
    try:
        asyncio.run(app.run())
    except Exception as error:
        supervisor.fail(of_error(error), error)


def supervise() -> Supervisor:
    """What every start begins with."""
    box = BlackBox(_events())
    box.may_write = not_yet
    supervisor = Supervisor(Keep(), box)
    supervisor.started()
    return supervisor


def _application(supervisor: Supervisor) -> "Bin | Truck | Safe":
    if supervisor.safe:
        from edge.app.safe import Safe

        return Safe(supervisor)
    unit = Unit(supervisor)
    if unit.settings["unit"] == "bin":
        from edge.app.bin import Bin

        return Bin(unit)
    from edge.app.truck import Truck

    return Truck(unit)


def _events() -> "Flash | None":
    """The black box's partition; a unit without it goes on."""
    try:
        return partition("events")
    except (EdgeError, OSError):
        return None


def _at_start(error: Exception) -> str:
    """What to call an exception before anything ran: mostly what the settings say is at fault."""
    code = of_error(error)
    if code != "task-died":
        return code
    if isinstance(error, EdgeError):
        return "settings-failed" if error.code in _SETTINGS else "start-failed"
    wrong = isinstance(error, (KeyError, TypeError, ValueError, IndexError, AttributeError))
    return "settings-failed" if wrong else "start-failed"
