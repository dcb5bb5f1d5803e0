"""Keeps too much, and prints what the next boot finds: one JSON line a case."""

import json
import sys

from edge.keep import Keep

for case in json.load(sys.stdin):
    keep = Keep()
    held = keep.data
    held.clear()
    held.update(case)
    keep.save()
    again = Keep()
    print(json.dumps({"same": held is keep.data, "fresh": again.fresh, "found": again.data}))
