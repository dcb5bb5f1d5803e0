"""Intake: MQTT and Modbus in, decided, journaled, and only then acknowledged.

`inbox` and `committer` are the path that everything takes; `decide` and `outbox` are pure; `session` is the
MQTT shell; `service` wires the process.
"""
