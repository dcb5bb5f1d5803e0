"""The writer: journal → InfluxDB, at its own pace, from its own cursor, losing and doubling nothing.

`line` (records to line protocol) and `delivery` (what to do about each answer of the server) are pure;
`http` is the HTTP shell, `store` the cursor on disk, `service` the process.
"""
