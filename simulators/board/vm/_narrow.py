"""Where a chip of 32 bits starts: its flash is mapped, then as always (`_boot`).

    micropython -m _narrow <fd in> <fd out> <ROMFS image or ''> <module to run first or ''>

The image lies outside the heap, mapped read-only, as the chip's flash is into its address space: byte code
and constants stay where they are.

All runs in a thread, since only a thread's stack can be chosen: an import takes 4 KiB of this port's stack (a
buffer for a path; 128 bytes on the chip), and the main thread has 40.
"""

import _thread
import sys

import ffi
import uctypes
import uos
import vfs

_READ, _SHARED = 1, 1  # PROT_READ, MAP_SHARED
_FAILED = 0xFFFFFFFF
_STACK_B = 512 * 1024


def _mapped(path):
    size = uos.stat(path)[6]
    libc = ffi.open(None)
    fd = libc.func("i", "open", "si")(path, 0)
    at = libc.func("p", "mmap", "IIiiii")(0, size, _READ, _SHARED, fd, 0)
    if fd < 0 or at == _FAILED:
        raise OSError(5, path)
    return uctypes.bytearray_at(at, size)


def _run():
    global _status
    try:
        image, first = sys.argv[3:]
        if image:
            vfs.mount(vfs.VfsRom(_mapped(image)), "/rom")
            sys.path.insert(len(sys.path) - 1, "/rom")
        if first:
            __import__(first)
        __import__("_boot")
    except SystemExit as e:
        _status = e.args[0]
    except BaseException as e:
        sys.print_exception(e)
    _ended.release()


_status = 1
_ended = _thread.allocate_lock()
_ended.acquire()
_thread.stack_size(_STACK_B)
_thread.start_new_thread(_run, ())
_ended.acquire()
sys.exit(_status)
