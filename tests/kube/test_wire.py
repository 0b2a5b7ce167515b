"""One call: what is tried again, how often, for how long; and that every broken answer is one clear error."""

import gzip
import json
from datetime import timedelta

import pytest

from drsync.clock import Cancellation
from drsync.errors import ClusterUnreachable, Interrupted, ObjectExists, PermissionDenied, RequestRejected
from tests.kube.conftest import CONFIG_MAPS
from tests.kube.scripted_server import Reply, ScriptedServer

OBJECT = b'{"metadata":{"name":"settings","namespace":"shop","uid":"u","resourceVersion":"7"}}'
LIST = b'{"metadata":{"resourceVersion":"7"},"items":[' + OBJECT + b"]}"


def status(code, **fields):
    return Reply(status=code, body=json.dumps({"kind": "Status", "code": code, **fields}).encode())


@pytest.mark.parametrize(
    "fault",
    [status(500), status(502), status(503), status(504), status(429), Reply(lost=True), Reply(body=LIST, sent=9)],
)
def test_a_read_is_tried_again_after_a_passing_fault(open_client, fault):
    with ScriptedServer(fault, Reply(body=LIST)) as server, open_client(server.url) as client:
        assert [each.name for each in client.list(CONFIG_MAPS).objects] == ["settings"]


def test_tries_are_bounded_in_number(open_client, clock):
    with (
        ScriptedServer(status(503)) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable, match="HTTP 503"),
    ):
        client.list(CONFIG_MAPS)

    assert len(server.asked) == 8
    assert sum(clock.slept) < 12


def test_retry_after_is_honoured(open_client, clock):
    wait = Reply(status=429, headers={"Retry-After": "3"})
    with ScriptedServer(wait, Reply(body=LIST)) as server, open_client(server.url) as client:
        client.list(CONFIG_MAPS)

    assert clock.slept == [3]


def test_a_wait_longer_than_the_budget_is_not_waited_for(open_client, clock):
    with (
        ScriptedServer(Reply(status=503, headers={"Retry-After": "3600"})) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable),
    ):
        client.list(CONFIG_MAPS)

    assert clock.slept == []


@pytest.mark.parametrize("fault", [status(500, message="etcdserver: leader changed"), status(503), Reply(lost=True)])
def test_a_create_whose_fate_is_unknown_is_not_sent_twice(open_client, fault):
    with (
        ScriptedServer(fault, Reply(body=OBJECT)) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable),
    ):
        client.create(CONFIG_MAPS, "shop", OBJECT)

    assert len(server.asked) == 1


def test_a_verdict_on_the_object_is_not_asked_for_again(open_client):
    verdict = status(500, message="failed calling webhook")
    with ScriptedServer(verdict) as server, open_client(server.url) as client, pytest.raises(RequestRejected):
        client.apply(CONFIG_MAPS, "shop", "settings", OBJECT)

    assert len(server.asked) == 1


def test_a_create_that_was_turned_away_is_sent_again(open_client):
    with ScriptedServer(status(429), Reply(status=201, body=OBJECT)) as server, open_client(server.url) as client:
        assert client.create(CONFIG_MAPS, "shop", OBJECT).uid == "u"


def test_a_refused_create_names_the_object(open_client):
    with (
        ScriptedServer(status(409, reason="AlreadyExists")) as server,
        open_client(server.url) as client,
        pytest.raises(ObjectExists, match="configmaps shop/settings exists"),
    ):
        client.create(CONFIG_MAPS, "shop", OBJECT)


def test_nobody_listening_is_told_without_internals(open_client):
    with ScriptedServer(Reply()) as server:
        url = server.url
    with open_client(url) as client, pytest.raises(ClusterUnreachable) as caught:
        client.list(CONFIG_MAPS)

    assert caught.value.problem == f"{url} did not answer when asked to list configmaps: Connection refused."


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>login</html>", content_type="text/html"),
        Reply(body=b""),
        Reply(body=b"{}"),
        Reply(body=b'{"metadata":{"resourceVersion":7},"items":[]}'),
        Reply(body=b'{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{}}]}'),
        Reply(body=LIST[:-5]),
        Reply(body=b"\xff" + LIST),
        Reply(body=b"[" * 100_000),
        Reply(body=LIST, sent=20),
        Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
        Reply(status=302, headers={"Location": "/elsewhere"}),
        Reply(body=b'{"metadata":{"continue":"again"},"items":[]}'),
    ],
)
def test_a_broken_answer_is_one_clear_error(open_client, reply):
    with (
        ScriptedServer(reply) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable) as caught,
    ):
        client.list(CONFIG_MAPS)

    assert server.url in caught.value.problem
    assert len(str(caught.value)) < 400


def test_a_redirect_is_not_followed_with_our_credentials(open_client):
    with (
        ScriptedServer(Reply(status=307, headers={"Location": "/elsewhere"})) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable),
    ):
        client.list(CONFIG_MAPS)

    assert {asked.path.split("?")[0] for asked in server.asked} == {"/api/v1/configmaps"}


def test_a_compressed_answer_is_read(open_client):
    packed = Reply(body=gzip.compress(LIST), headers={"Content-Encoding": "gzip"})
    with ScriptedServer(packed) as server, open_client(server.url) as client:
        assert client.list(CONFIG_MAPS).revision == "7"


def test_fixed_credentials_that_are_refused_are_not_tried_again(open_client):
    with ScriptedServer(status(401)) as server, open_client(server.url) as client, pytest.raises(PermissionDenied):
        client.list(CONFIG_MAPS)

    assert len(server.asked) == 1


def test_a_cancelled_run_sends_nothing_more(open_client):
    cancel = Cancellation()
    with ScriptedServer(Reply(body=LIST)) as server, open_client(server.url, cancel=cancel) as client:
        cancel.cancel()
        with pytest.raises(Interrupted):
            client.list(CONFIG_MAPS)

    assert server.asked == []


def test_the_servers_clock_is_seen_in_its_answers(open_client, clock):
    with ScriptedServer(Reply(body=LIST)) as server, open_client(server.url) as client:
        assert client.skew is None
        clock.at_s = 0
        client.list(CONFIG_MAPS)

        assert client.skew is not None
        assert client.skew > timedelta(days=1)
