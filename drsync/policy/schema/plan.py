"""RecoveryPlan: who may decide, in which order things come up, and how traffic moves."""

from typing import Annotated, Literal

from pydantic import Field

from drsync.policy.schema.drill import Drill
from drsync.policy.schema.values import (
    DnsLabel,
    Duration,
    Fields,
    KindGlob,
    Metadata,
    SecretField,
    Selector,
    Text,
    WebAddress,
    Words,
)

Signatures = Annotated[int, Field(ge=0, le=9)]


class BreakGlass(Fields):
    allowed: bool = True
    needs_reason: bool = True


class Approvals(Fields):
    failover: Signatures = 1
    switchover: Signatures = 1
    break_glass: BreakGlass = BreakGlass()


class DetectEndpoint(Fields):
    url: WebAddress
    failures: Annotated[int, Field(ge=1, le=1000)] = 5


class Detect(Fields):
    vantages: tuple[DnsLabel, ...] = ()
    api: Duration | None = None
    endpoint: DetectEndpoint | None = None
    action: Literal["advise", "failover"] = "advise"


class Fence(Fields):
    order: tuple[Literal["store-epoch", "scale-to-zero", "suspend-cronjobs", "gitops-pause"], ...] = ()
    if_unreachable: Literal["continue-and-arm", "stop"] = "continue-and-arm"


class TcpProbe(Fields):
    tcp: Text


class External(Fields):
    name: Text
    standby_endpoint: Text | None = None
    probe: TcpProbe | None = None


class ExecGate(Fields):
    app: DnsLabel
    command: Words


class HttpGate(Fields):
    url: WebAddress
    status: Annotated[int, Field(ge=100, le=599)] = 200
    times: Annotated[int, Field(ge=1, le=100)] = 1


class Gate(Fields):
    established: Duration | None = None
    exec: ExecGate | None = None
    http: HttpGate | None = None
    person: Text | None = None
    for_: Duration | None = Field(default=None, alias="for")


class Group(Fields):
    name: DnsLabel
    kinds: tuple[KindGlob, ...] = ()
    volumes: Literal["*"] | tuple[Text, ...] | None = None
    select: Selector | None = None
    gate: Gate | None = None
    timeout: Duration | None = None
    optional: bool = False


class DnsTarget(Fields):
    service: Text | None = None
    address: Text | None = None


class DnsStep(Fields):
    provider: Text
    zone: Text
    record: Text
    type: Literal["A", "AAAA", "CNAME"]
    to: DnsTarget
    ttl: Annotated[int, Field(ge=1, le=86_400)]
    verify_resolvers: Annotated[int, Field(ge=0, le=100)] = 3
    owner: Literal["take", "keep"] = "keep"


class Locality(Fields):
    from_: Text = Field(alias="from")
    to: Text


class IstioSet(Fields):
    failover: Annotated[tuple[Locality, ...], Field(min_length=1)]


class IstioStep(Fields):
    destination_rule: Text
    set: IstioSet
    require_outlier_detection: bool = True


class KongProbe(Fields):
    url: WebAddress
    header: dict[Text, SecretField] = Field(default_factory=dict)


class KongStep(Fields):
    wait_programmed: bool = True
    probe: KongProbe | None = None


class K8gbStep(Fields):
    gslb: Text
    primary_geo_tag: Text
    reassert_on_return: bool = False


class CutoverStep(Fields):
    dns: DnsStep | None = None
    istio: IstioStep | None = None
    kong: KongStep | None = None
    # Camel case would break the product's own name.
    k8gb: K8gbStep | None = Field(default=None, alias="k8gb")


class Rollback(Fields):
    window: Duration
    action: Literal["previous-target"] = "previous-target"


class Cutover(Fields):
    gate: Gate | None = None
    steps: tuple[CutoverStep, ...] = ()
    rollback: Rollback | None = None


class PlanSpec(Fields):
    policies: Annotated[tuple[DnsLabel, ...], Field(min_length=1)]
    approvals: Approvals = Approvals()
    detect: Detect = Detect()
    fence: Fence = Fence()
    external: tuple[External, ...] = ()
    groups: tuple[Group, ...] = ()
    cutover: Cutover = Cutover()
    after: tuple[Literal["protect-reverse", "open-items-report"], ...] = ()
    drill: Drill | None = None


class PlanFile(Fields):
    api_version: Literal["drsync.io/v1alpha1"]
    kind: Literal["RecoveryPlan"]
    metadata: Metadata
    spec: PlanSpec
