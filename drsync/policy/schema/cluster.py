"""ClusterTarget: a cluster, how to reach it, and what differs there."""

from typing import Literal

from pydantic import Field

from drsync.policy.schema.values import DnsLabel, Fields, FilePath, Metadata, Place, Text


class Connect(Fields):
    mode: Literal["agent", "kubeconfig"] = "kubeconfig"
    kubeconfig: FilePath | None = None
    context: Text | None = None
    local_volumes: bool = False


class Maps(Fields):
    storage_class: dict[Text, Text] = Field(default_factory=dict)
    ingress_class: dict[Text, Text] = Field(default_factory=dict)
    registry: dict[Text, Text] = Field(default_factory=dict)
    rancher_project: Literal["by-name"] | None = None


class ClusterSpec(Fields):
    connect: Connect = Connect()
    location: Place = Place()
    reads_stores: tuple[DnsLabel, ...] = ()
    maps: Maps = Maps()


class ClusterFile(Fields):
    api_version: Literal["drsync.io/v1alpha1"]
    kind: Literal["ClusterTarget"]
    metadata: Metadata
    spec: ClusterSpec
