"""Twelve deaths of a device, at random instants: does it name the right cause afterwards?

`vm/` runs inside the real interpreter beside the unchanged firmware and does the killing, below it where the
chip would; `trial` plays one death, `judge` reads what the device says of it.
`python -m simulators.sweep.deaths`.
"""
