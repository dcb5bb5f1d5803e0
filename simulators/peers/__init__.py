"""What a unit talks to, where the real one is not wanted: a broker with a gateway behind it, a time
server."""
