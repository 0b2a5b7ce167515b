"""NotifyChannel: where events go."""

from typing import Literal

from pydantic import Field

from drsync.policy.schema.values import DurationOrNever, Fields, Metadata, SecretSource, WebAddress


class ChannelSpec(Fields):
    type: Literal["webhook"]
    url: WebAddress | None = Field(default=None, repr=False)
    url_from: SecretSource | None = None
    signing_key_from: SecretSource | None = None
    resend: DurationOrNever = None
    quiet_hours: Literal["never"] = "never"
    allow_private: bool = False


class ChannelFile(Fields):
    api_version: Literal["drsync.io/v1alpha1"]
    kind: Literal["NotifyChannel"]
    metadata: Metadata
    spec: ChannelSpec
