"""The fuzz targets, grouped so that each process imports, and instruments, only what it needs."""

GROUPS = (
    "messages",
    "server",
    "mqtt",
    "files",
    "intake",
    "journal_file",
    "device_wire",
    "device_store",
    "device_down",
)
