#define MICROPY_HW_BOARD_NAME "huishou unit"
#define MICROPY_HW_MCU_NAME   "ESP32S3"

// The partition `romfs` is mounted at /rom before anything runs; `edge` is imported from there, in place.
#define MICROPY_VFS_ROM       (1)
