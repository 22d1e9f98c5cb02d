"""The gateway's numbers in the format that Prometheus reads. Imported when somebody first asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pommai.gateway.metrics import Histogram
from pommai.gateway.server import Gateway


class Exposition:
    """Writes down what a gateway has counted, and what its process uses."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._items: Mapping[str, int] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def write(self, items: Mapping[str, int]) -> tuple[bytes, str]:
        """All of it, and its Content-Type. `items` is how much the gateway keeps, by kind."""
        self._items = items
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def describe(self) -> Iterator[Metric]:
        """Nothing: asked for when it registers, before there is anything to collect."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for."""
        counted = self._gateway.metrics
        yield _gauge("sessions", "Toys that are connected now.", len(self._gateway.sessions))
        yield _gauge("messages_waiting", "Messages for toys that do not read now.", self._gateway.messages_waiting)
        yield _count("turns_begun", "Turns of which a frame came.", counted.turns_begun)
        yield _count("turns_answered", "Turns that were answered to the end.", counted.turns_answered)
        yield _counts("turns_failed", "Turns that ended in an error, by its code.", "code", counted.turns_failed)
        yield _count("turns_aborted", "Turns that were stopped before their answer was out.", counted.turns_aborted)
        yield _histogram(
            "first_frame_seconds", "From the last frame heard to the first one sent, by turn.", counted.first_frame
        )
        frames = {"in": counted.frames_in, "out": counted.frames_out}
        yield _counts("frames", "Frames of sound, 20 ms each.", "direction", frames)
        sizes = {"in": counted.bytes_in, "out": counted.bytes_out}
        yield _counts("bytes", "Bytes of messages.", "direction", sizes)
        yield _counts("connections_refused", "Connections that were not let in, by reason.", "reason", counted.refused)
        yield _count("rate_limited", "Messages that were too many.", counted.rate_limited)
        yield _counts("alerts", "Alerts of toys, by severity.", "severity", counted.alerts)
        yield _count("operators_refused", "Requests with a wrong operator's token.", counted.operators_refused)
        yield _histogram("event_loop_lag_seconds", "How late the event loop comes.", counted.loop_lag)
        kept = GaugeMetricFamily("pommai_archive_items", "Items kept of toys, by kind.", labels=["kind"])
        for kind, number in self._items.items():
            kept.add_metric([kind], number)
        yield kept


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"pommai_{name}", words, value=value)


def _count(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(f"pommai_{name}", words, value=value)


def _counts(name: str, words: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"pommai_{name}", words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _histogram(name: str, words: str, values: Histogram) -> Metric:
    bounds = [*map(str, values.bounds), "+Inf"]
    buckets = list(zip(bounds, values.up_to(), strict=True))
    return HistogramMetricFamily(f"pommai_{name}", words, buckets=buckets, sum_value=values.total)
