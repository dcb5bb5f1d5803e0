"""`python -m tests.sweep.sweep_power`: the sweep of power cuts with the gateway's real intake and journal.

Here and not in `simulators`, which does not know the gateway.
"""

from simulators.sweep.power.command import sweep
from tests.sweep.power_gateway import RealGateway

main = sweep(RealGateway)

if __name__ == "__main__":
    main()
