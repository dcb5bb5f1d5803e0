# ruff: noqa: F821  (the manifest language's own names)
# What is frozen into the chip's image: `make BOARD=ESP32_GENERIC_S3 FROZEN_MANIFEST=…/firmware/manifest.py`.
include("$(PORT_DIR)/boards/manifest.py")
package("edge", base_path=".", opt=2)
module("main.py", base_path=".", opt=2)
