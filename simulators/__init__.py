"""Stand-ins for all hardware: `board` below the firmware, `world` around it, `peers` beside it,
`servers` behind it, and `demo`, which runs them all.

Runs `firmware` unchanged; speaks to a gateway only as a device does. Only `demo` knows the gateway.
"""
