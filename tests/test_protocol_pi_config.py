"""The settings of a device, as both ends know them."""

from pommai.actions.live import KEYS
from pommai.gateway.personas import PI_KEYS
from pommai.io import wake_models
from pommai.protocol import pi_config


def test_both_ends_know_the_same_settings() -> None:
    assert set(KEYS) == set(PI_KEYS) == {pi_config.MODELS, pi_config.THRESHOLD, pi_config.ACKNOWLEDGEMENTS}


def test_as_many_models_may_be_named_as_an_engine_listens_with() -> None:
    assert pi_config.MOST_MODELS == wake_models.MOST_MODELS
