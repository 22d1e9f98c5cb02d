"""Hearing, answering and speaking: the responders of a gateway, and what they are made of."""
