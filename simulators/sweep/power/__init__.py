"""Power cuts at every flash operation of a bin in service, at a rude broker; judged at the journal.

Real firmware in virtual time. `plan` says which boot is cut where and which connections go wrong; `broker`
is rude accordingly, in front of a gateway that the caller brings (this package knows none); `round` plays a
plan; `judge` holds flash, truth and journal against each other; `shrink` makes a failing plan small.
"""
