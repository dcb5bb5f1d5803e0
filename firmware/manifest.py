# ruff: noqa: F821  (the manifest language's own names)
# What is frozen into the chip: the port's own, and `main`, which alone the port would not run from ROMFS.
include("$(PORT_DIR)/boards/manifest.py")
module("main.py", base_path=".", opt=2)
