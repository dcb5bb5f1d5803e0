"""What the page and the API know of each device: a projection of the journal.

`model` (what one record changes), `batch` (what many do) and `concerns` (what is wrong now) are pure; `store`
keeps the result in state.db; `projector` reads the journal with its own cursor and feeds both. state.db may
be deleted at any time: it is made again from the journal.
"""
