"""Machines that press the button: profiles, campaigns, coverage, record and replay."""
