"""Real servers for a run on one machine: an MQTT broker and InfluxDB 2, found, started, stopped and
restarted.

Here lives what starts other people's programs. Nothing here knows the contract, the gateway or the firmware.
"""
