"""The settings of `pi_config_update`, as both ends know them."""

from __future__ import annotations

from typing import Final

MODELS: Final = "HOTWORD_MODELS"
"""Models of the wake word: built in ones by name, or files of the toy by bare name."""
THRESHOLD: Final = "HOTWORD_THRESHOLD"
"""The probability from which a model has heard its wake word, 0.0..1.0."""
ACKNOWLEDGEMENTS: Final = "ACKNOWLEDGEMENT_AUDIO_FILES"
"""Sounds, one of which answers the wake word: files of the toy by bare name."""
MOST_MODELS: Final = 8
"""Wake words at a time: each costs its share of a slow core."""
MOST_SOUNDS: Final = 16
"""Acknowledgements to choose from."""
