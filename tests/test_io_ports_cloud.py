"""The cloud's ports are found where all ports are."""

from pommai.io import ports, ports_cloud


def test_the_ports_to_the_cloud_are_among_the_ports() -> None:
    assert ports.Cloud is ports_cloud.Cloud
    assert ports.Courier in ports.Cloud.__mro__
