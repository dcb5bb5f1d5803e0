"""The device: what runs in a bin and in a truck. Only MicroPython APIs; nothing knows of a simulation."""

VERSION = "0.1.0"
