"""Stand-ins for all hardware: `board` below the firmware, `world` around it, `peers` beside it, `fleet` for
many.

Runs `firmware` unchanged; speaks to a gateway only as a device does. Only `demo` knows the gateway.
"""
