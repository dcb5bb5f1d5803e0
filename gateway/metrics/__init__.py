"""What the gateway counts: for people (`look`, `snapshot`) and for Prometheus (`gateway.metrics.prometheus`).

Reads the store and what the processes say of themselves; changes nothing.
"""

from gateway.metrics.facts import look, snapshot

__all__ = ["look", "snapshot"]
