"""A load generator that keeps the contract: thousands of devices over few MQTT connections.

Each device has its own flash (`device`), fills it with plausible records (`records`) and sends them by the
contract's rules; what it made stands in a file (`ledger`), so that a test can say afterwards what must be
stored. `wire` and `device` are pure, `link` is one connection, `fleet` runs them all, `options` says what
is asked for. Knows the contract, nothing of the gateway. Firmware in bulk would be truer and far slower:
`simulators.board` is there for that.
"""

from simulators.fleet.fleet import Fleet
from simulators.fleet.ledger import Entry, read_ledger
from simulators.fleet.options import Faults, Flood, Options
from simulators.fleet.roster import devices_file

__all__ = ["Entry", "Faults", "Fleet", "Flood", "Options", "devices_file", "read_ledger"]
