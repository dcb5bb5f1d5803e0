"""Intake: MQTT and Modbus in, decided, journaled, and only then acknowledged.

`inbox` and `committer` are the path of everything. Pure: `wire` (packets), `session` (one connection),
`outbox`, `decide`, `budget` (floods), `gaps`, `watchdog`. Shells: `link` (the broker's socket), `stations`
(Modbus), `service` (wires the process).
"""
