"""Kubeconfigs: which context is meant, and that a broken or hostile file is one clear error that shows no secret."""

from pathlib import Path

import pytest
import yaml

from drsync.errors import UserError
from drsync.kube.kubeconfig import default_paths, pod_access, read_access

SECRET = "s3cr3t-t0k3n"


def entry(context, *, server="https://k:6443", user=None):
    return {
        "current-context": context,
        "clusters": [{"name": context, "cluster": {"server": server}}],
        "users": [{"name": context, "user": user or {"token": SECRET}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
    }


def write(path: Path, document) -> Path:
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return path


def test_the_current_context_is_used_unless_another_is_named(tmp_path):
    document = entry("a")
    other = entry("b", server="https://other")
    for part in ("clusters", "users", "contexts"):
        document[part] += other[part]
    path = write(tmp_path / "config", document)

    assert read_access([path], None).cluster.server == "https://k:6443"
    assert read_access([path], "b").cluster.server == "https://other"


def test_of_several_files_the_first_to_define_a_name_wins(tmp_path):
    first = write(tmp_path / "first", entry("a", server="https://first"))
    second = write(tmp_path / "second", entry("a", server="https://second"))
    third = write(tmp_path / "third", entry("c", server="https://third"))

    assert read_access([tmp_path / "absent", first, second, third], None).cluster.server == "https://first"
    assert read_access([first, second, third], "c").cluster.server == "https://third"


def test_relative_paths_start_at_the_file_that_holds_them(tmp_path):
    path = write(tmp_path / "config", entry("a", user={"tokenFile": "token", "client-key": "/abs/key"}))

    user = read_access([path], None).user

    assert user.token_file == str(tmp_path / "token")
    assert user.client_key == "/abs/key"


def test_what_was_read_can_be_printed_without_its_secrets(tmp_path):
    plugin = {"command": "login", "apiVersion": "v1", "args": [SECRET], "env": [{"name": "A", "value": SECRET}]}
    path = write(tmp_path / "config", entry("a", user={"token": SECRET, "exec": plugin}))

    access = read_access([path], None)

    assert SECRET not in repr(access)
    assert SECRET not in repr(access.user.exec)


def test_a_context_without_a_user_has_no_credentials(tmp_path):
    document = entry("a")
    del document["contexts"][0]["context"]["user"]

    assert read_access([write(tmp_path / "config", document)], None).user.token is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "just words",
        "a: [",
        "\tx: 1",
        f"users:\n- name: a\n  user: {{token: {SECRET}\n",
        f"users:\n- name: a\n  user:\n    token: [{SECRET}]\n",
        f"!!python/object/apply:os.system ['{SECRET}']",
        f"users: {SECRET}",
        f"clusters:\n- name: c\n  cluster: {{server: {{a: {SECRET}}}}}",
        "{" * 5000,
        "\x00",
        "current-context: nowhere",
        "current-context: a\ncontexts: [{name: a, context: {cluster: nowhere}}]",
        "current-context: a\ncontexts: [{name: a, context: {}}]",
        "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]",
        f"x: &x [{SECRET}]\ncurrent-context: *x",
    ],
)
def test_a_malformed_file_is_one_error_that_names_it_and_shows_no_secret(tmp_path, text):
    path = write(tmp_path / "config", text)

    with pytest.raises(UserError) as caught:
        read_access([path], None)

    assert str(path) in caught.value.problem
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None or SECRET not in str(caught.value.__cause__)


def test_yaml_faults_have_a_place(tmp_path):
    path = write(tmp_path / "config", "a: 1\nb: [\n")

    with pytest.raises(UserError, match=r"config:3:1 is not valid YAML"):
        read_access([path], None)


def test_an_unknown_context_is_told_with_those_that_are_there(tmp_path):
    with pytest.raises(UserError) as caught:
        read_access([write(tmp_path / "config", entry("a"))], "b")

    assert "'b'" in caught.value.problem
    assert caught.value.remedy.endswith("there: a")


def test_no_file_at_all_is_told(tmp_path):
    with pytest.raises(UserError, match="No kubeconfig"):
        read_access([tmp_path / "absent"], None)


def test_a_file_that_is_a_directory_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_access([tmp_path], None)


def test_a_pod_has_its_own_account(tmp_path):
    (tmp_path / "token").write_text(SECRET)
    found = pod_access({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)

    assert found is not None
    assert found.cluster.server == "https://[fd00::1]:443"
    assert found.cluster.certificate_authority == str(tmp_path / "ca.crt")
    assert found.user.token_file == str(tmp_path / "token")


def test_outside_of_a_pod_there_is_no_account(tmp_path):
    assert pod_access({}, tmp_path) is None
    assert pod_access({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path) is None


def test_a_persons_own_files_come_from_the_environment():
    assert default_paths({"KUBECONFIG": "/a:/b", "HOME": "/h"}) == [Path("/a"), Path("/b")]
    assert default_paths({"HOME": "/h"}) == [Path("/h/.kube/config")]
