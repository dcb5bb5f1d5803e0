"""The host's sockets, which virtual time never opens: names for the stand-in `socket` to import."""

AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, SOL_SOCKET, SO_REUSEADDR = 2, 10, 1, 2, 1, 2


def getaddrinfo(*_):
    raise OSError(95)


socket = getaddrinfo
