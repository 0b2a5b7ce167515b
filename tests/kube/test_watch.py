"""Watches: events until the deadline, across streams that end or break; a lost revision is told."""

import json
from datetime import timedelta
from itertools import islice

import pytest

from drsync.clock import Deadline
from drsync.errors import ClusterUnreachable, RevisionGone
from drsync.kube.watch import WatchType
from tests.kube.conftest import CONFIG_MAPS
from tests.kube.scripted_server import Reply, ScriptedServer


def event(type_, revision, name="settings"):
    meta = {"name": name, "namespace": "shop", "resourceVersion": revision}
    return json.dumps({"type": type_, "object": {"kind": "ConfigMap", "metadata": meta}}).encode() + b"\n"


GONE = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}).encode() + b"\n"


def stream(*lines, **extra):
    return Reply(body=b"".join(lines), **extra)


def watching(client, clock, seconds=60):
    until = Deadline.after(clock, timedelta(seconds=seconds), "the watch")
    return client.watch(CONFIG_MAPS, namespace="shop", revision="5", until=until)


def test_events_come_in_order_and_go_on_from_the_last_revision(open_client, clock):
    first = stream(event("ADDED", "6"), event("BOOKMARK", "8"))
    with ScriptedServer(first, stream(event("DELETED", "9"))) as server, open_client(server.url) as client:
        events = list(islice(watching(client, clock), 3))

    assert [(each.type, each.revision) for each in events] == [
        (WatchType.ADDED, "6"),
        (WatchType.BOOKMARK, "8"),
        (WatchType.DELETED, "9"),
    ]
    assert events[1].object is None
    assert "resourceVersion=5&" in server.asked[0].path
    assert "resourceVersion=8&" in server.asked[1].path


def test_a_stream_that_breaks_is_opened_again(open_client, clock):
    whole = event("ADDED", "6")
    broken = stream(whole, event("ADDED", "7"), sent=len(whole) + 5)
    with ScriptedServer(broken, stream(event("ADDED", "7"))) as server, open_client(server.url) as client:
        assert [each.revision for each in islice(watching(client, clock), 2)] == ["6", "7"]

    assert "resourceVersion=6&" in server.asked[1].path


def test_streams_that_only_break_end_the_watch(open_client, clock):
    with (
        ScriptedServer(Reply(status=503)) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable),
    ):
        next(watching(client, clock))

    assert len(server.asked) == 8


@pytest.mark.parametrize("reply", [stream(GONE), Reply(status=410, body=b'{"kind":"Status","reason":"Expired"}')])
def test_a_lost_revision_is_told(open_client, clock, reply):
    with ScriptedServer(reply) as server, open_client(server.url) as client, pytest.raises(RevisionGone):
        next(watching(client, clock))


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b'{"type":"ADDED"}\n', b'{"type":"NEW","object":{"metadata":{"name":"x"}}}\n']
)
def test_a_damaged_event_is_one_clear_error(open_client, clock, line):
    with (
        ScriptedServer(stream(line)) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable, match="an event is damaged"),
    ):
        next(watching(client, clock))


def test_a_watch_renews_its_credentials_once(open_client, clock, tmp_path):
    (tmp_path / "token").write_text("t")
    server = ScriptedServer(Reply(status=401), stream(event("ADDED", "6")))
    with server, open_client(server.url, user={"tokenFile": "token"}) as client:
        assert next(watching(client, clock)).revision == "6"


def test_the_watch_ends_at_its_deadline(open_client, clock):
    with ScriptedServer(stream(event("ADDED", "6"))) as server, open_client(server.url) as client:
        events = watching(client, clock, seconds=30)
        next(events)
        clock.at_s += 31

        assert list(events) == []
