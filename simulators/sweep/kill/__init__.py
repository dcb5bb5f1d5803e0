"""The kill sweep: everything is killed, frozen and restored at random instants under load; nothing is lost.

`plan` draws what goes wrong (pure), `stand` runs broker, InfluxDB, gateway and fleet and can hurt each,
`watch` tells when they work again, `count` compares the ledgers (pure), `round` is one run from empty to
compared, `__main__` runs the rounds and prints. The gateway is known by its command line only.
"""
