"""Physics, people, streets and weather: what surrounds the simulated bins and trucks.

May know `hardware` (which part sits on which pin) and `simulators.scene` (the seam to the boards); never
`gateway`, never the inside of `simulators.board`. Everything here is a deterministic function of a seed, of
time, and of what a unit does.
"""
