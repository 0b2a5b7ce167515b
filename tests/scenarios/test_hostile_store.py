"""Every kind of object in the store, damaged in several ways: one clear error, the right code, and nothing changed."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Desk
from tests.engine.site import names

Damage = Callable[[bytes], bytes]

DAMAGES: dict[str, Damage] = {
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda _: b"",
    "flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    "garbage": lambda data: b"\x00\xff{[" * (len(data) // 4 + 1),
    "deep": lambda _: b"[" * 100_000,
    "text": lambda _: b"the cat sat on the mat",
}
"""What a crash, a bad disk, or someone who hates us leaves behind."""


def damage(store: Path, pattern: str, how: str) -> None:
    found = sorted(path for path in store.glob(pattern) if path.is_file() and not path.name.startswith("."))
    assert found, f"nothing matches {pattern}"
    path = found[0]
    data = DAMAGES[how](path.read_bytes())
    path.unlink()
    path.write_bytes(data)


def fingerprint(store: Path) -> dict[str, str]:
    """Everything but leases, which say who looked last."""
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in store.rglob("*")
        if path.is_file() and "lease" not in path.parts
    }


def is_clear(answer: Answer) -> bool:
    """One error, a remedy, a runbook; no trace, no fault of ours."""
    return (
        "drsync: error: " in answer.err
        and "  next     " in answer.err
        and "Traceback" not in answer.err
        and "internal error" not in answer.err
    )


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("pattern", ["store.json", "keys/*"])
def test_a_damaged_identity_or_key_stops_everything(desk: Desk, pattern: str, how: str) -> None:
    desk.run("backup", "shop")
    damage(desk.place / "store", pattern, how)
    before = fingerprint(desk.place / "store")

    backup = desk.run("backup", "shop")
    restore = desk.run("restore", "shop@latest", "--to", "standby")

    assert backup.code in (9, 12)
    assert restore.code in (9, 12)
    assert is_clear(backup)
    assert fingerprint(desk.place / "store") == before


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_log_entry_is_9_and_never_green(desk: Desk, how: str) -> None:
    desk.run("backup", "shop")
    damage(desk.place / "store", "log/shop/*.json", how)
    before = fingerprint(desk.place / "store")

    answers = [desk.run("backup", "shop"), desk.run("restore", "shop@latest", "--to", "standby")]
    check = desk.run("check")

    assert [answer.code for answer in answers] == [9, 9]
    assert all(is_clear(answer) for answer in answers)
    assert check.code == 10
    assert "UNKNOWN" in check.out
    assert fingerprint(desk.place / "store") == before


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("pattern", ["repo/p/*/*", "repo/s/*/end", "repo/s/*/open", "repo/i/*/*"])
def test_a_damaged_pack_or_session_restores_nothing(desk: Desk, pattern: str, how: str) -> None:
    desk.run("backup", "shop")
    if not list((desk.place / "store").glob(pattern)):
        pytest.skip("the repository keeps no such object for a small point")
    damage(desk.place / "store", pattern, how)

    verify = desk.run("verify", "shop@latest")
    restore = desk.run("restore", "shop@latest", "--to", "standby")

    assert verify.code in (0, 9)
    assert restore.code == verify.code, "what verify passes can be restored, what it does not cannot"
    assert restore.code == 0 or is_clear(restore)
    assert (restore.code == 0) == ("shop" in names(desk.standby, "/api/v1/namespaces"))


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("pattern", ["runs/*/plan.json", "runs/*/000001-intent.json", "runs/*/end.json"])
def test_a_damaged_journal_is_told_and_does_not_stop_the_next_capture(desk: Desk, pattern: str, how: str) -> None:
    desk.run("backup", "shop")
    damage(desk.place / "store", pattern, how)

    runs = desk.run("get", "runs")
    backup = desk.run("backup", "shop")

    assert "damaged" in runs.out
    assert backup.code == 0


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_policy_in_the_store_is_9_where_it_is_needed(desk: Desk, how: str) -> None:
    desk.run("backup", "shop")
    damage(desk.place / "store", "policies/*", how)
    url = (desk.place / "store").as_uri()

    answer = desk.run("status", "--from-store", url, "--key-file", "drsync.key")

    assert answer.code == 9
    assert is_clear(answer)


# A flipped letter of a nonce is still a lease: it says who acts, and no safety rests on it.
@pytest.mark.parametrize("how", sorted(DAMAGES.keys() - {"flipped"}))
def test_a_damaged_lease_is_told_before_anything_is_done(desk: Desk, how: str) -> None:
    desk.run("backup", "shop")
    damage(desk.place / "store", "lease/shop", how)
    before = fingerprint(desk.place / "store")

    answer = desk.run("backup", "shop")

    assert answer.code == 9
    assert is_clear(answer)
    assert fingerprint(desk.place / "store") == before


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@bucket/x",
        "s3://",
        "ftp://host/dir",
        "file://relative",
        "gs://bucket/x",
        "s3://bucket?secret=hunter2",
        "\x00",
        "http://[",
    ],
)
def test_a_wrong_store_url_is_one_sentence_that_repeats_no_secret(desk: Desk, url: str) -> None:
    answer = desk.run("status", "--from-store", url)

    assert answer.code in (2, 10)
    assert is_clear(answer)
    assert "hunter2" not in answer.err
    assert "secret@" not in answer.err


@pytest.mark.parametrize(
    "text", ["", "{", "kind: Config", "clusters: 7", "[]", "\x00", "apiVersion: v1\nkind: Config\nclusters: [{}]\n"]
)
def test_a_wrong_kubeconfig_is_one_sentence(desk: Desk, text: str) -> None:
    (desk.place / "primary.kubeconfig").write_text(text)

    answer = desk.run("backup", "shop")

    assert answer.code == 2
    assert is_clear(answer)
    assert "primary.kubeconfig" in answer.err


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_1_and_seals_nothing(desk: Desk) -> None:
    text = (desk.place / "primary.kubeconfig").read_text()
    (desk.place / "primary.kubeconfig").write_text(text.replace(desk.primary.url, "http://127.0.0.1:9"))

    answer = desk.run("backup", "shop")

    assert answer.code == 1
    assert is_clear(answer)
    assert desk.run("get", "points", "-o", "name").out == ""


def test_a_refused_token_is_12(desk: Desk) -> None:
    text = (desk.place / "primary.kubeconfig").read_text()
    (desk.place / "primary.kubeconfig").write_text(text.replace(desk.primary.token, "wrong"))

    answer = desk.run("backup", "shop")

    assert answer.code == 12
    assert is_clear(answer)
    assert "wrong" not in answer.err.replace("something wrong", "")
