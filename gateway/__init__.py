"""The service that gathers, checks, journals and shows what a city's devices weigh.

Knows `schemas` and the register maps of `hardware`; knows nothing of firmware or simulators.
"""
