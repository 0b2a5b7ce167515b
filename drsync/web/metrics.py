"""The metrics page: a pure function from what is known, and the hour, to text."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from drsync.web.view import DaemonView, PolicyView, StandbyView

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_MOST_SERIES: Final = 2_000
"""Of one metric: a thousand policies with two standbys. What is beyond is counted, not shown."""
_LONGEST_LABEL: Final = 253
"""As long as any name in Kubernetes."""

_Row = tuple[tuple[str, ...], float]


def metrics(view: DaemonView, *, now: datetime) -> bytes:
    """Prometheus' text format.

    A standby without any point has an infinite age and no timestamp: nothing was proven to be there.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page(view, now))
    return generate_latest(registry)


class _Page:
    """What prometheus_client wants to be given: something that can be asked for families of metrics."""

    def __init__(self, view: DaemonView, now: datetime) -> None:
        self._view = view
        self._now = now

    def collect(self) -> Iterator[Metric]:
        hidden = 0
        for family, rows in _families(self._view, self._now):
            ordered = sorted(rows)
            hidden += max(0, len(ordered) - _MOST_SERIES)
            for labels, value in ordered[:_MOST_SERIES]:
                family.add_metric([label[:_LONGEST_LABEL] for label in labels], value)
            yield family
        yield GaugeMetricFamily(
            "drsync_series_hidden", "Series left out of this page because there are too many.", hidden
        )


_Family = GaugeMetricFamily | CounterMetricFamily


def _families(view: DaemonView, now: datetime) -> Iterator[tuple[_Family, list[_Row]]]:
    yield _gauge("drsync_build_info", "The version that runs.", "version"), [((view.version,), 1)]
    yield _gauge("drsync_ready", "1 when nothing speaks against relying on this daemon."), [((), not view.not_ready)]
    yield from _points(view.policies, now)
    yield from _policies(view)
    runs = [((run.policy, run.kind), run) for run in view.runs]
    yield (
        _gauge("drsync_run_result", "Exit code of the newest ended run: 0 complete, 3 partial.", "policy", "kind"),
        [(labels, run.exit_code) for labels, run in runs],
    )
    yield (
        _gauge("drsync_run_ended_timestamp_seconds", "When the newest run ended.", "policy", "kind"),
        [(labels, run.ended_at.timestamp()) for labels, run in runs],
    )
    yield (
        _gauge("drsync_run_duration_seconds", "How long the newest run took.", "policy", "kind"),
        [(labels, run.took.total_seconds()) for labels, run in runs],
    )
    yield (
        _gauge("drsync_store_up", "1 when the store answered when it was last asked.", "store"),
        [((store.store,), store.up) for store in view.stores],
    )


def _points(policies: Iterable[PolicyView], now: datetime) -> Iterator[tuple[_Family, list[_Row]]]:
    seen = [((policy.policy, standby.standby), standby) for policy in policies for standby in policy.standbys]
    yield (
        _gauge(
            "drsync_recovery_point_age_seconds",
            "What would be lost now: age of the newest point that counts and the clocks' error; +Inf without one.",
            "policy",
            "standby",
        ),
        [(labels, _age_s(standby, now)) for labels, standby in seen],
    )
    yield (
        _gauge(
            "drsync_recovery_point_consistent_timestamp_seconds",
            "The instant that the newest point that counts brings back.",
            "policy",
            "standby",
        ),
        [(labels, it.consistent_at.timestamp()) for labels, it in seen if it.consistent_at],
    )


def _policies(view: DaemonView) -> Iterator[tuple[_Family, list[_Row]]]:
    yield (
        _gauge("drsync_rpo_target_seconds", "How much may be lost.", "policy"),
        [((it.policy,), it.rpo.total_seconds()) for it in view.policies],
    )
    yield (
        _gauge("drsync_policy_paused", "1 when no captures are scheduled.", "policy"),
        [((it.policy,), it.paused) for it in view.policies],
    )
    yield (
        _gauge("drsync_next_slot_timestamp_seconds", "When the next capture is due.", "policy"),
        [((it.policy,), it.next_slot_at.timestamp()) for it in view.policies if it.next_slot_at],
    )
    yield (
        CounterMetricFamily("drsync_missed_slots", "Captures that were due and were not made.", labels=["policy"]),
        [((policy,), count) for policy, count in view.missed_slots.items()],
    )


def _gauge(name: str, help_text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, labels=labels)


def _age_s(standby: StandbyView, now: datetime) -> float:
    """Never negative: a point from the future has no age, but the clocks may be off by their bound."""
    if standby.consistent_at is None:
        return float("inf")
    age = now - standby.consistent_at
    return max(0.0, age.total_seconds()) + standby.bound.total_seconds()
