"""Hooks: commands in an application's own pods, before and after a capture."""

from typing import Literal

from drsync.policy.schema.values import DnsLabel, Duration, Fields, Selector, Words


class HookPods(Fields):
    pods: Selector
    container: DnsLabel | None = None


class PreHook(Fields):
    exec: Words
    timeout: Duration
    on_error: Literal["fail", "continue"] = "fail"


class PostHook(Fields):
    exec: Words
    timeout: Duration
    always: bool = True


class Hook(Fields):
    name: DnsLabel
    on: HookPods
    pre: PreHook | None = None
    post: PostHook | None = None
