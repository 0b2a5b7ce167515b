"""Addresses are read strictly, and whatever secret is pasted into one is never repeated."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.clock import SystemClock
from drsync.errors import UserError
from drsync.stores.open import FileUrl, S3Url, open_store, parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///var/backups", FileUrl(directory=Path("/var/backups"))),
        ("file:///with%20space", FileUrl(directory=Path("/with space"))),
        ("s3://bucket", S3Url(bucket="bucket")),
        ("s3://bucket/", S3Url(bucket="bucket")),
        ("s3://bucket/a/b/", S3Url(bucket="bucket", prefix="a/b")),
        ("s3://bucket?region=eu-west-1", S3Url(bucket="bucket", region="eu-west-1")),
        (
            "s3://bucket/p?endpoint=https://s3.example:9000",
            S3Url(bucket="bucket", prefix="p", endpoint="https://s3.example:9000", path_style=True),
        ),
        (
            "s3://bucket?endpoint=https%3A%2F%2F%5B::1%5D:9000/&pathStyle=false&ca=/etc/ca.pem",
            S3Url(bucket="bucket", endpoint="https://[::1]:9000", path_style=False, ca="/etc/ca.pem"),
        ),
    ],
)
def test_an_address_is_read(url: str, expected: FileUrl | S3Url):
    assert parse_url(url) == expected
    assert parse_url(str(expected)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bucket/prefix",
        "/var/backups",
        "file://host/dir",
        "file:relative",
        "file:///a/../b",
        "file:///a?mode=rw",
        "file:///a#b",
        "file:///nul%00",
        "s3://",
        "s3:///prefix",
        "s3://b",
        "s3://bucket:80/x",
        "s3://bucket/a//b",
        "s3://bucket/../x",
        "s3://bucket/.hidden",
        "s3://bucket?endpoint=ftp://x",
        "s3://bucket?endpoint=https://x/?a=b",
        "s3://bucket?endpoint=https://x:port",
        "s3://bucket?endpoint=x",
        "s3://bucket?region=EU West",
        "s3://bucket?region=a&region=b",
        "s3://bucket?pathStyle=yes",
        "s3://bucket?ca=ca.pem",
        "s3://bucket?nonsense",
        "gs://bucket/prefix",
        "azblob://account/container",
        "https://bucket.s3.amazonaws.com",
        "s3://büro",
        "s3://bucket/\n",
        "s3://[",
        "s3://" + "b" * 3000,
    ],
)
def test_a_wrong_address_is_refused_in_one_sentence(url: str):
    with pytest.raises(UserError) as caught:
        open_store(url, clock=SystemClock())

    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIASECRET:hunter2SECRET@bucket/prefix",
        "s3://hunter2SECRET@bucket",
        "s3://bucket?endpoint=https://user:hunter2SECRET@host",
        "s3://bucket?secretAccessKey=hunter2SECRET",
        "s3://bucket?X-Amz-Signature=hunter2SECRET",
        "s3://bucket?hunter2SECRET=",
        "s3://bucket?hunter2SECRET",
        "s3://bucket#hunter2SECRET",
        "file://hunter2SECRET/dir",
        "hunter2SECRET://bucket",
        "hunter2SECRET",
        "https://bucket?token=hunter2SECRET",
        "s3://bucket?region=hunter2SECRET",
        "s3://bucket?pathStyle=hunter2SECRET",
        "s3://bucket/a//hunter2SECRET",
        "s3://bucket?ca=hunter2SECRET",
    ],
)
def test_a_secret_is_not_repeated(url: str):
    with pytest.raises(UserError) as caught:
        parse_url(url)

    assert "hunter2" not in repr(caught.value) + str(caught.value)


def test_what_comes_later_is_said():
    with pytest.raises(UserError, match="yet"):
        parse_url("gs://bucket")


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=60))
def test_any_text_is_an_address_or_a_user_s_error(text: str):
    for url in (text, f"s3://{text}", f"s3://bucket/{text}", f"s3://bucket?{text}", f"file://{text}"):
        try:
            address = parse_url(url)
        except UserError:
            continue
        assert parse_url(str(address)) == address


@pytest.mark.parametrize("suffix", ["", "/"])
def test_a_store_opened_by_its_own_url_is_the_same(tmp_path: Path, suffix: str):
    store = open_store(f"file://{tmp_path}{suffix}", clock=SystemClock())
    store.create("a/b", b"x")

    assert open_store(store.url, clock=SystemClock()).get("a/b").data == b"x"
