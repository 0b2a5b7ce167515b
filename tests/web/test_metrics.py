"""web/metrics.py: what Prometheus reads."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from drsync.web.metrics import metrics
from drsync.web.view import DaemonView, PolicyView, RunView, StandbyView, StoreView

NOW = datetime(2026, 8, 21, 3, 8, 4, tzinfo=UTC)
VIEW = DaemonView(
    version="0.1.0",
    ticked_s=0,
    policies=(
        PolicyView(
            policy="payments",
            rpo=timedelta(minutes=20),
            standbys=(
                StandbyView(standby="gke-eu", consistent_at=NOW - timedelta(minutes=7), bound=timedelta(seconds=2)),
                StandbyView(standby="aks-neu", consistent_at=None),
            ),
            next_slot_at=NOW + timedelta(minutes=8),
        ),
    ),
    runs=(RunView(policy="payments", kind="backup", exit_code=3, ended_at=NOW, took=timedelta(seconds=41)),),
    stores=(StoreView(store="s3-use1", up=True, asked_at=NOW), StoreView(store="az", up=False, asked_at=NOW)),
    missed_slots={"payments": 2},
)


def samples(view: DaemonView) -> dict[str, float]:
    """`name{label=value}` → value, as a scraper understands the page."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics(view, now=NOW).decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_the_page_says_all_that_is_known() -> None:
    assert samples(VIEW) == {
        "drsync_build_info{version=0.1.0}": 1,
        "drsync_ready{}": 1,
        "drsync_recovery_point_age_seconds{policy=payments,standby=gke-eu}": 422,
        "drsync_recovery_point_age_seconds{policy=payments,standby=aks-neu}": float("inf"),
        "drsync_recovery_point_consistent_timestamp_seconds{policy=payments,standby=gke-eu}": NOW.timestamp() - 420,
        "drsync_rpo_target_seconds{policy=payments}": 1200,
        "drsync_policy_paused{policy=payments}": 0,
        "drsync_next_slot_timestamp_seconds{policy=payments}": NOW.timestamp() + 480,
        "drsync_missed_slots_total{policy=payments}": 2,
        "drsync_run_result{kind=backup,policy=payments}": 3,
        "drsync_run_ended_timestamp_seconds{kind=backup,policy=payments}": NOW.timestamp(),
        "drsync_run_duration_seconds{kind=backup,policy=payments}": 41,
        "drsync_store_up{store=s3-use1}": 1,
        "drsync_store_up{store=az}": 0,
        "drsync_series_hidden{}": 0,
    }


def test_a_standby_without_a_point_has_no_timestamp() -> None:
    assert not [name for name in samples(VIEW) if "consistent_timestamp" in name and "aks-neu" in name]


def test_the_age_goes_on_while_the_view_stands_still() -> None:
    first, later = (metrics(VIEW, now=NOW + timedelta(seconds=waited)) for waited in (0, 60))

    assert b'standby="gke-eu"} 422.0' in first
    assert b'standby="gke-eu"} 482.0' in later


def test_a_point_from_the_future_is_never_younger_than_the_clocks_allow() -> None:
    standby = StandbyView(standby="a", consistent_at=NOW + timedelta(hours=1), bound=timedelta(seconds=5))
    policy = PolicyView(policy="p", rpo=timedelta(hours=1), standbys=(standby,))

    found = samples(replace(VIEW, policies=(policy,)))

    assert found["drsync_recovery_point_age_seconds{policy=p,standby=a}"] == 5


def test_an_empty_daemon_still_says_that_it_is_there() -> None:
    found = samples(DaemonView(version="0.1.0", ticked_s=0, not_ready=("The configuration is wrong.",)))

    assert found["drsync_build_info{version=0.1.0}"] == 1
    assert found["drsync_ready{}"] == 0


def test_names_cannot_break_the_page() -> None:
    hostile = 'a"} 1\ndrsync_store_up{store="b\\'

    found = samples(replace(VIEW, stores=(StoreView(store=hostile, up=True, asked_at=NOW),)))

    assert found[f"drsync_store_up{{store={hostile}}}"] == 1


def test_series_and_labels_are_bounded() -> None:
    stores = tuple(StoreView(store=f"{number:05}" * 100, up=True, asked_at=NOW) for number in range(2_500))

    found = samples(replace(VIEW, stores=stores))

    shown = [name for name in found if name.startswith("drsync_store_up")]
    assert len(shown) == 2_000
    assert max(map(len, shown)) < 300
    assert found["drsync_series_hidden{}"] == 500


def test_the_order_of_the_view_does_not_show() -> None:
    assert metrics(replace(VIEW, stores=VIEW.stores[::-1]), now=NOW) == metrics(VIEW, now=NOW)
