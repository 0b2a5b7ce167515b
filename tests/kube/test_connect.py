"""Connections as kubeconfigs describe them: credentials that renew, TLS, proxies, and refusals that show no secret."""

import base64
import glob
import http.server
import json
import ssl
import stat
import sys
import tempfile
from datetime import timedelta

import pytest
import trustme

from drsync.errors import ClusterUnreachable, PermissionDenied, UserError
from drsync.kube.connect import connect
from drsync.model.policy import ClusterTarget
from tests.kube.conftest import CONFIG_MAPS
from tests.kube.scripted_server import Reply, ScriptedServer

LIST = b'{"metadata":{"resourceVersion":"7"},"items":[]}'
SECRET = "s3cr3t-t0k3n"


def needs(*tokens):
    """A server that accepts these bearer tokens alone."""
    accepted = {f"Bearer {token}" for token in tokens}

    def route(asked):
        return Reply(body=LIST) if asked.headers.get("Authorization") in accepted else Reply(status=401)

    return ScriptedServer(route=route)


@pytest.fixture
def plugin(tmp_path):
    """Makes a credential plugin out of Python lines; it counts its runs in `runs`."""

    def make(*lines, **extra):
        path = tmp_path / "plugin"
        head = f"#!{sys.executable}\nimport json, os, sys, time\nopen({str(tmp_path / 'runs')!r}, 'a').write('x')\n"
        path.write_text(head + "\n".join(lines))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return {"exec": {"command": "./plugin", "apiVersion": "client.authentication.k8s.io/v1", **extra}}

    return make


def credential(**status):
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(answer)!r})"


def test_a_token_is_sent_with_every_call(open_client):
    with needs(SECRET) as server, open_client(server.url, user={"token": SECRET}) as client:
        assert client.list(CONFIG_MAPS).objects == ()


def test_basic_auth_is_sent(open_client):
    user = {"username": "bob", "password": "pw"}
    with ScriptedServer(Reply(body=LIST)) as server, open_client(server.url, user=user) as client:
        client.list(CONFIG_MAPS)

    assert server.asked[0].headers["Authorization"] == "Basic " + base64.b64encode(b"bob:pw").decode()


def test_a_token_file_that_rotates_is_read_again_after_a_401(open_client, tmp_path):
    (tmp_path / "token").write_text("old\n")
    with needs("new") as server, open_client(server.url, user={"tokenFile": "token"}) as client:
        (tmp_path / "token").write_text("new\n")

        assert client.list(CONFIG_MAPS).objects == ()


def test_a_token_file_is_read_again_every_minute(open_client, tmp_path, clock):
    (tmp_path / "token").write_text("old")
    with needs("old", "new") as server, open_client(server.url, user={"tokenFile": "token"}) as client:
        client.list(CONFIG_MAPS)
        (tmp_path / "token").write_text("new")
        clock.at_s += 61
        client.list(CONFIG_MAPS)

    assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer old", "Bearer new"]


def test_a_plugins_token_without_an_end_is_kept(open_client, plugin, tmp_path):
    with needs("t") as server, open_client(server.url, user=plugin(credential(token="t"))) as client:
        client.list(CONFIG_MAPS)
        client.list(CONFIG_MAPS)

    assert (tmp_path / "runs").read_text() == "x"


def test_a_plugin_runs_again_when_its_token_ends(open_client, plugin, tmp_path, clock):
    ends = (clock.now() + timedelta(hours=1)).isoformat()
    user = plugin(credential(token="t", expirationTimestamp=ends))
    with needs("t") as server, open_client(server.url, user=user) as client:
        client.list(CONFIG_MAPS)
        plugin(credential(token="t", expirationTimestamp=(clock.now() + timedelta(hours=9)).isoformat()))
        clock.at_s += 3600
        client.list(CONFIG_MAPS)

    assert (tmp_path / "runs").read_text() == "xx"


def test_a_plugin_runs_again_after_a_401_and_then_the_refusal_stands(open_client, plugin, tmp_path):
    with (
        needs("other") as server,
        open_client(server.url, user=plugin(credential(token="t"))) as client,
        pytest.raises(PermissionDenied),
    ):
        client.list(CONFIG_MAPS)

    assert (tmp_path / "runs").read_text() == "xx"
    assert len(server.asked) == 2


def test_a_plugin_is_told_of_the_cluster_when_it_asks_and_gets_its_environment(open_client, plugin):
    lines = (
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])",
        "assert info['spec']['cluster']['server'].startswith('http://127.0.0.1')",
        "assert (os.environ['WHO'], sys.argv[1]) == ('me', 'login')",
        credential(token="t"),
    )
    user = plugin(*lines, provideClusterInfo=True, args=["login"], env=[{"name": "WHO", "value": "me"}])
    with needs("t") as server, open_client(server.url, user=user) as client:
        assert client.list(CONFIG_MAPS).objects == ()


@pytest.mark.parametrize(
    "lines",
    [
        (f"sys.exit('{SECRET}')",),
        (f"print('{SECRET}')",),
        ("print('{}')",),
        (credential(),),
        (credential(clientCertificateData="only"),),
        (credential(token=SECRET).replace("/v1", "/v1beta1"),),
        (credential(token=SECRET, expirationTimestamp="soon"),),
    ],
)
def test_a_plugin_that_fails_is_told_without_its_output(open_client, plugin, lines):
    with pytest.raises(PermissionDenied) as caught:
        open_client("http://127.0.0.1:1", user=plugin(*lines))

    assert "plugin" in caught.value.problem
    assert SECRET not in str(caught.value)


def test_a_plugin_that_is_not_there_is_told(open_client):
    user = {"exec": {"command": "no-such-plugin", "apiVersion": "client.authentication.k8s.io/v1"}}

    with pytest.raises(PermissionDenied, match="no-such-plugin cannot be started"):
        open_client("http://127.0.0.1:1", user=user)


def test_a_plugin_that_hangs_is_ended(open_client, plugin, monkeypatch):
    monkeypatch.setattr("drsync.kube.credentials._PLUGIN_S", 0.2)

    with pytest.raises(PermissionDenied, match="did not end"):
        open_client("http://127.0.0.1:1", user=plugin("time.sleep(100)"))


@pytest.mark.parametrize(
    ("server", "entries"),
    [
        ("", {}),
        ("k:6443", {}),
        ("ftp://k", {}),
        (f"https://bob:{SECRET}@k", {}),
        ("https://k:port", {}),
        ("https://[k", {}),
        ("http://203.0.113.1", {"user": {"token": SECRET}}),
        ("http://127.0.0.1:1", {"user": {"token": f"{SECRET}\nX-Evil: 1"}}),
        ("http://127.0.0.1:1", {"user": {"token": " "}}),
        ("http://127.0.0.1:1", {"user": {"tokenFile": "absent"}}),
        ("http://127.0.0.1:1", {"user": {"auth-provider": {"name": "oidc", "config": {"id-token": SECRET}}}}),
        ("https://k", {"user": {"client-certificate": "absent", "client-key": "absent"}}),
        ("https://k", {"user": {"client-certificate-data": SECRET, "client-key-data": SECRET}}),
        ("https://k", {"user": {"client-certificate-data": "AAAA", "client-key-data": "AAAA"}}),
        ("https://k", {"cluster": {"certificate-authority": "absent"}}),
        ("https://k", {"cluster": {"certificate-authority-data": "AAAA"}}),
        ("https://k", {"cluster": {"proxy-url": f"socks5://bob:{SECRET}@proxy"}}),
        ("https://k", {"cluster": {"proxy-url": "http://["}}),
    ],
)
def test_entries_that_cannot_be_used_are_one_error_without_the_secret(open_client, server, entries):
    with pytest.raises(UserError) as caught:
        open_client(server, **entries)

    assert SECRET not in str(caught.value)
    assert SECRET not in str(caught.value.__cause__)


def test_context_names_choose_from_the_users_own_kubeconfig(write_kubeconfig):
    path = write_kubeconfig("http://127.0.0.1:1")

    with connect(ClusterTarget(name="context/here"), environ={"KUBECONFIG": str(path)}) as client:
        assert client.server == "http://127.0.0.1:1"
    with pytest.raises(UserError, match="'elsewhere'"):
        connect(ClusterTarget(name="context/elsewhere"), environ={"KUBECONFIG": str(path)})


def test_a_server_under_a_path_keeps_it(open_client):
    with ScriptedServer(Reply(body=LIST)) as server, open_client(f"{server.url}/k8s/c-1/") as client:
        client.list(CONFIG_MAPS)

    assert server.asked[0].path.startswith("/k8s/c-1/api/v1/configmaps?")


def test_a_proxy_of_the_kubeconfig_is_used(open_client):
    with (
        ScriptedServer(Reply(body=LIST)) as proxy,
        open_client("http://127.0.0.1:1", cluster={"proxy-url": proxy.url}) as client,
    ):
        client.list(CONFIG_MAPS)

    assert proxy.asked[0].path.startswith("http://127.0.0.1:1/api/v1/configmaps")


def test_a_proxy_of_the_environment_is_not_used_for_this_very_host(open_client, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with ScriptedServer(Reply(body=LIST)) as server, open_client(server.url) as client:
        assert client.list(CONFIG_MAPS).objects == ()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls_server(authority):
    """An HTTPS server that wants a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ScriptedServer(Reply(body=LIST))
    inner: http.server.ThreadingHTTPServer = server._server
    inner.socket = context.wrap_socket(inner.socket, server_side=True)
    inner.handle_error = lambda *_: None
    with server:
        yield server.url.replace("http:", "https:")


def data(blob):
    return base64.b64encode(blob.bytes()).decode()


@pytest.fixture
def certificates(authority):
    ours = authority.issue_cert("drsync@example.com")
    return {
        "cluster": {"certificate-authority-data": data(authority.cert_pem)},
        "user": {
            "client-certificate-data": data(ours.cert_chain_pems[0]),
            "client-key-data": data(ours.private_key_pem),
        },
    }


def test_a_client_certificate_is_shown_and_its_key_is_left_in_no_file(open_client, tls_server, certificates):
    before = set(glob.glob(f"{tempfile.gettempdir()}/*"))
    with open_client(tls_server, **certificates) as client:
        client.list(CONFIG_MAPS)
        left = set(glob.glob(f"{tempfile.gettempdir()}/drsync-*")) - before

    assert left == set()


def test_a_plugins_certificate_is_shown(open_client, tls_server, certificates, authority, plugin):
    ours = authority.issue_cert("drsync@example.com")
    user = plugin(
        credential(
            clientCertificateData=ours.cert_chain_pems[0].bytes().decode(),
            clientKeyData=ours.private_key_pem.bytes().decode(),
        )
    )
    with open_client(tls_server, user=user, cluster=certificates["cluster"]) as client:
        assert client.list(CONFIG_MAPS).objects == ()


def test_a_server_of_another_authority_is_refused_at_once(open_client, tls_server, certificates, clock):
    other = {"certificate-authority-data": data(trustme.CA().cert_pem)}
    with (
        open_client(tls_server, user=certificates["user"], cluster=other) as client,
        pytest.raises(ClusterUnreachable) as caught,
    ):
        client.list(CONFIG_MAPS)

    assert "CA in the kubeconfig" in caught.value.remedy
    assert clock.slept == []


def test_a_server_may_be_known_by_another_name(open_client, tls_server, certificates):
    cluster = certificates["cluster"] | {"tls-server-name": "kubernetes"}
    with (
        open_client(tls_server, user=certificates["user"], cluster=cluster) as client,
        pytest.raises(ClusterUnreachable),
    ):
        client.list(CONFIG_MAPS)


def test_verification_can_be_switched_off(open_client, tls_server, certificates):
    insecure = {"insecure-skip-tls-verify": True}
    with open_client(tls_server, user=certificates["user"], cluster=insecure) as client:
        assert client.list(CONFIG_MAPS).objects == ()
