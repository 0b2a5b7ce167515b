"""The drill part of a RecoveryPlan: when, where, how it is kept apart, and what proves it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from drsync.policy.schema.times import check_cron
from drsync.policy.schema.values import DnsLabel, Duration, Fields, LongDuration, Text, WebAddress


class DrillTarget(Fields):
    cluster: Text
    namespace_suffix: Annotated[str, Field(min_length=1, max_length=20)] = "-drill"


class Isolation(Fields):
    network: Literal["deny-egress"] = "deny-egress"
    allow: tuple[Text, ...] = ()
    scrub_secrets: tuple[Text, ...] = ()
    stub_external: bool = True
    no_cutover: bool = True
    suspend_cron_jobs: bool = True


class HttpProbe(Fields):
    url: WebAddress
    status: Annotated[int, Field(ge=100, le=599)] = 200


class SqlProbe(Fields):
    app: DnsLabel
    query: Text
    min: Annotated[int, Field(ge=0)] | None = None


class Probe(Fields):
    name: DnsLabel
    http: HttpProbe | None = None
    sql: SqlProbe | None = None
    measures: Literal["rpo"] | None = None


class Report(Fields):
    store: DnsLabel
    retain: LongDuration
    sign: bool = True


class Drill(Fields):
    schedule: Annotated[str, AfterValidator(check_cron)] | None = None
    max_age: Duration | None = None
    target: DrillTarget
    isolation: Isolation = Isolation()
    point: Text = "latest-verified"
    probes: tuple[Probe, ...] = ()
    cleanup: Literal["always", "on-success"] = "always"
    report: Report | None = None
