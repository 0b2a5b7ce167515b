"""Values for tests, made by hand or by hypothesis."""

import string
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from drsync.model.plan import Plan, RunKind
from drsync.model.recovery_point import RecoveryPoint
from drsync.model.request import CaptureRequest, RestoreRequest
from drsync.model.run import Run, RunEnd, StepRecord
from drsync.model.step import CutObjects, SealPoint

NOW = datetime(2026, 8, 21, 3, 8, 4, tzinfo=UTC)
RUN = "b-20260821T030804Z-k3f9"

calm = settings(deadline=None, suppress_health_check=list(HealthCheck))
"""A busy machine makes a law slow, not false."""

instants = st.datetimes(datetime(2001, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
durations = st.timedeltas(timedelta(), timedelta(days=3_000))
texts = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)

for type_, strategy in ((datetime, instants), (timedelta, durations), (str, texts)):
    st.register_type_strategy(type_, strategy)

points = st.builds(RecoveryPoint)
plans = st.builds(Plan)
step_records = st.builds(StepRecord, result=st.dictionaries(texts, json_values, max_size=3))
run_ends = st.builds(RunEnd, summary=st.dictionaries(texts, json_values, max_size=3))


def plan(run: str = RUN) -> Plan:
    cut = CutObjects(id="cut", namespaces=("shop",))
    return Plan(
        kind=RunKind(run[0]),
        run=run,
        scope="shop",
        made_at=NOW,
        tool_version="test",
        request=CaptureRequest(policy="shop", policy_sha256="0" * 64, cluster="primary")
        if run[0] == "b"
        else RestoreRequest(point="rp-1", policy="shop", cluster="standby"),
        prepare=((cut,),),
        commit=((SealPoint(id="seal", point="rp-1", parent=None),),),
    )


runs = st.builds(
    Run, plan=st.just(plan()), records=st.lists(step_records, max_size=3).map(tuple), end=st.none() | run_ends
)
