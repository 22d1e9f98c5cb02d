"""What is wrong with this toy, and what to do next: small checks of everything a toy stands on, a module a subject."""
