# MicroPython for our units: an ESP32-S3 with 8 MiB flash and PSRAM, `edge` run in place from a ROMFS partition.
set(IDF_TARGET esp32s3)

# The partition table lies here, not in the port's folder, and sdkconfig knows no variables.
set(HUISHOU_TABLE ${CMAKE_BINARY_DIR}/sdkconfig.partitions)
file(WRITE ${HUISHOU_TABLE} "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${MICROPY_BOARD_DIR}/partitions.csv\"\n")

set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    boards/sdkconfig.usb
    boards/sdkconfig.spiram_sx
    boards/sdkconfig.240mhz
    ${MICROPY_BOARD_DIR}/sdkconfig.board
    ${HUISHOU_TABLE}
)
