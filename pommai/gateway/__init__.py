"""The server's end of the wire, for a desk, a test bench or a fleet: personas, sessions, answers."""
