"""Settings come from options first, then from the environment; what is malformed is a usage error."""

from collections.abc import Callable, Mapping

import pytest

from drsync.errors import UserError
from drsync.model.policy import SecretRef
from drsync.settings import Settings, read_settings, resolve_secret, secret_path, with_config


def settings(environ: Mapping[str, str] | None = None, **given: str | list[str] | None) -> Settings:
    config, key_files = given.get("config"), given.get("key_files") or []
    assert config is None or isinstance(config, str)
    assert isinstance(key_files, list)
    return read_settings(
        environ or {}, cwd="/desk", host="Node_1.local", config=config, key_files=key_files, read=reader()
    )


def reader(**files: bytes) -> Callable[[str], bytes]:
    by_path = {"/" + name.replace("_", "/"): data for name, data in files.items()}

    def read(path: str) -> bytes:
        if path not in by_path:
            raise FileNotFoundError(2, "No such file or directory")
        return by_path[path]

    return read


def test_the_policies_are_in_the_option_then_the_variable_then_the_folder_here() -> None:
    assert settings({"DRSYNC_CONFIG": "/b"}, config="a").config_dir == "/desk/a"
    assert settings({"DRSYNC_CONFIG": "/b"}).config_dir == "/b"
    assert settings().config_dir == "/desk/policies"
    assert not settings().config_given


def test_other_policy_files_can_be_named_later() -> None:
    other = with_config(settings(), "elsewhere/x.yaml")

    assert other.config_dir == "/desk/elsewhere/x.yaml"
    assert other.config_given


def test_key_files_given_by_option_replace_the_variables() -> None:
    assert settings({"DRSYNC_KEY_FILE": "k"}, key_files=["/a", "b"]).key_files == ("/a", "/desk/b")
    assert settings({"DRSYNC_KEY_FILE": "k"}).key_files == ("/desk/k",)
    assert settings().key_files == ()


def test_the_site_is_the_host_unless_it_is_named() -> None:
    assert settings().site == "node-1.local"
    assert settings({"DRSYNC_SITE": "hub"}).site == "hub"


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.2:80", ("127.0.0.2", 80)), ("[::1]:9000", ("::1", 9000)), ("localhost:0", ("localhost", 0))],
)
def test_the_daemon_listens_where_it_is_told(text: str, address: tuple[str, int]) -> None:
    found = settings({"DRSYNC_LISTEN": text})

    assert (found.listen_host, found.listen_port) == address


@pytest.mark.parametrize(
    "environ",
    [
        {"DRSYNC_LISTEN": "9742"},
        {"DRSYNC_LISTEN": "host:99999"},
        {"DRSYNC_LISTEN": "host:²"},
        {"DRSYNC_LISTEN": "a b:80"},
        {"DRSYNC_SITE": "No Such Site"},
        {"DRSYNC_LOG_FORMAT": "xml"},
        {"DRSYNC_CONFIG": "a\x00b"},
        {"DRSYNC_PING_URL": "ftp://host/secret-part"},
        {"DRSYNC_PING_URL": "https://[::1/secret-part"},
        {"DRSYNC_PING_URL": "https://host/secret-part\nX: y"},
        {"DRSYNC_PING_URL_FILE": "/not/there"},
    ],
)
def test_a_malformed_variable_is_a_usage_error_that_repeats_no_secret(environ: dict[str, str]) -> None:
    with pytest.raises(UserError) as caught:
        settings(environ)

    assert caught.value.exit_code == 2
    assert "secret-part" not in str(caught.value)


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    names = ["CONFIG", "KEY_FILE", "SECRETS", "SITE", "LISTEN", "PING_URL", "PING_URL_FILE", "LOG_FORMAT"]

    assert settings({f"DRSYNC_{name}": "" for name in names}) == settings()


def test_the_dead_man_address_is_read_from_a_file_and_never_shown() -> None:
    found = read_settings(
        {"DRSYNC_PING_URL_FILE": "/run/ping"},
        cwd="/",
        host="h",
        read=reader(run_ping=b"https://hc.example/secret-part\n"),
    )

    assert found.ping_url is not None
    assert found.ping_url.reveal() == "https://hc.example/secret-part"
    assert "secret-part" not in repr(found)
    assert "secret-part" not in str(found.ping_url)


def test_a_secret_is_a_file_or_a_field_of_a_mounted_secret() -> None:
    mounted = settings({"DRSYNC_SECRETS": "/run/secrets"})

    assert secret_path(SecretRef(secret="key", field="age"), mounted) == "/run/secrets/key/age"
    assert secret_path(SecretRef(file="/keys/age.txt"), mounted) == "/keys/age.txt"


def test_a_mounted_secret_needs_the_folder_of_secrets() -> None:
    with pytest.raises(UserError, match="DRSYNC_SECRETS"):
        secret_path(SecretRef(secret="key", field="age"), settings())


@pytest.mark.parametrize(
    ("secret", "field"), [("..", "x"), ("a/b", "x"), ("a", "../../etc/shadow"), ("a", ""), ("", "x")]
)
def test_a_secrets_name_never_leaves_the_folder_of_secrets(secret: str, field: str) -> None:
    with pytest.raises(UserError):
        secret_path(SecretRef(secret=secret, field=field), settings({"DRSYNC_SECRETS": "/run"}))


def test_a_secret_is_read_without_its_last_newline() -> None:
    found = resolve_secret(SecretRef(file="/k"), settings(), read=reader(k=b"s3cret\n"))

    assert found.reveal() == "s3cret"


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfesecret-part", b"secret-part" * 10_000])
def test_a_file_that_holds_no_secret_is_an_error_without_its_content(data: bytes) -> None:
    with pytest.raises(UserError) as caught:
        resolve_secret(SecretRef(file="/k"), settings(), read=reader(k=data))

    assert "secret-part" not in str(caught.value)
    assert caught.value.__cause__ is None
