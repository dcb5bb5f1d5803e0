"""A 32-bit MicroPython under Node.js, for what a 64-bit one cannot tell: heap sizes, integers of 31 bits.

The interpreter is the npm package `@micropython/micropython-webassembly-pyscript`: blocks of 16 bytes,
pointers and small integers as on the chip, floats of 64 bits. `run.mjs` starts it; `vm/` holds what it lacks
beside the stand-ins of `simulators/board/vm`: a link to the host by file descriptors, an `asyncio` that
blocks.
"""
