"""What a maintenance crew's laptop does at a unit: talk to its console, and say in words what is wrong.

`line` (the console's protocol) and `doctor` (the judgement) are pure; `console` is the
thin shell over a serial port.
"""
