"""`huishou demo`: a district at work on one machine, every part of it real, and the proof that nothing was
lost.

The only place outside the tests that may know firmware, simulators and gateway at once. What it starts, it
starts as a stranger would: by command line, configuration file and network address.
"""
