"""The wire between toy and server, without any input or output: both ends use it."""
