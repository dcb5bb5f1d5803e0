"""Names of `tls`, which this interpreter lacks: the runs here have no TLS. (On the chip its buffers,
some 40 kB, are the SDK's heap, not Python's.)
"""

PROTOCOL_TLS_CLIENT, CERT_NONE, CERT_REQUIRED = 0, 0, 2


class SSLContext:
    def __init__(self, protocol):
        raise NotImplementedError("no TLS in this interpreter")
