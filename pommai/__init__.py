"""Pommai: the software inside a talking toy, whose behaviour is a file."""

__version__ = "0.1.0"
