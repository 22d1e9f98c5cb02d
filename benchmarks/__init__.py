"""Measurements, each beside its alternatives in the same run: `make bench`."""
