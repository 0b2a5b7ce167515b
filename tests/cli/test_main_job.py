"""The main job as it is typed: exit codes, formats, and words at 3 a.m."""

import json
import shutil
import time

import pytest

from tests.cli.conftest import POLICY, Desk
from tests.engine.site import api, names


def test_backup_then_restore_then_status_all_end_with_zero(desk: Desk) -> None:
    backup = desk.run("backup", "shop")
    restore = desk.run("restore", "shop@latest", "--to", "standby")
    status = desk.run("status")
    check = desk.run("check")

    assert [backup.code, restore.code, status.code, check.code] == [0, 0, 0, 0]
    assert "COMPLETE rp-" in backup.out
    assert "PROTECTED" in status.out
    assert "settings-0" in names(desk.standby, "/api/v1/namespaces/shop/configmaps")


def test_results_go_to_standard_output_and_progress_to_standard_error(desk: Desk) -> None:
    answer = desk.run("backup", "shop", "-o", "jsonl")

    document = json.loads(answer.out)
    assert document["schema"] == "drsync.run/v1"
    assert document["result"] == "complete"
    assert document["exitCode"] == 0
    assert document["rpo"][0]["breached"] is False
    assert " ok " in answer.err


def test_quiet_says_nothing_on_standard_error_when_all_is_well(desk: Desk) -> None:
    answer = desk.run("backup", "shop", "-q", "-o", "jsonl")

    assert answer.code == 0
    assert answer.err == ""


@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml", "name", "jsonl"])
@pytest.mark.parametrize("what", ["policies", "stores", "clusters", "points", "runs"])
def test_get_lists_every_type_in_every_format(desk: Desk, what: str, output: str) -> None:
    desk.run("backup", "shop")

    answer = desk.run("get", what, "-o", output)

    assert answer.code == 0
    assert answer.out.strip()


def test_describe_ls_logs_verify_and_explain_tell_of_the_point(desk: Desk) -> None:
    point = json.loads(desk.run("backup", "shop", "-o", "json").out)

    described = desk.run("describe", "point", point["point"])
    run = desk.run("describe", "run", point["run"])
    listed = desk.run("ls", "shop@latest", "-o", "json")
    logged = desk.run("logs", point["run"])
    verified = desk.run("verify", "shop@latest")
    explained = desk.run("explain", "shop")

    assert [a.code for a in (described, run, listed, logged, verified, explained)] == [0] * 6
    assert "configmaps" in described.out
    assert "seal-point" in run.out
    assert {"kind": "secrets", "namespace": "shop", "name": "login"}.items() <= next(
        i for i in json.loads(listed.out)["items"] if i["kind"] == "secrets"
    ).items()
    assert "cut-objects" in logged.out
    assert "VERIFIED" in verified.out
    assert "worst case" in explained.out


def test_no_policy_of_that_name_is_4_with_the_names_that_there_are(desk: Desk) -> None:
    answer = desk.run("backup", "shpo")

    assert answer.code == 4
    assert "the policies are: shop" in answer.err


def test_a_policy_that_selects_nothing_is_4_and_seals_nothing(desk: Desk) -> None:
    desk.policy(POLICY.replace("names: [shop]", "names: [nothing-*]"))

    answer = desk.run("backup", "shop")

    assert answer.code == 4
    assert desk.run("get", "points", "-o", "name").out == ""


def test_a_partial_point_is_3_and_named(desk: Desk) -> None:
    desk.policy(POLICY.replace("names: [shop]", "names: [shop, gone]"))

    answer = desk.run("backup", "shop")

    assert answer.code == 3
    assert "MISSING  namespace gone" in answer.out
    assert desk.run("check").code == 5


def test_check_without_a_point_is_5_and_says_that_everything_would_be_lost(desk: Desk) -> None:
    answer = desk.run("check")

    assert answer.code == 5
    assert "everything" in answer.out


def test_a_breached_objective_is_5_also_after_a_good_backup(desk: Desk) -> None:
    desk.policy(POLICY.replace(", allowLive: true", ""))
    body = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
    claim = {"metadata": {"name": "data"}, **body}
    api(desk.primary, "POST", "/api/v1/namespaces/shop/persistentvolumeclaims", claim)
    wait_until_bound(desk, "data")

    backup = desk.run("backup", "shop")

    assert backup.code == 5
    assert "COMPLETE" in backup.out


def wait_until_bound(desk: Desk, claim: str) -> None:
    ends = time.monotonic() + 10
    path = f"/api/v1/namespaces/shop/persistentvolumeclaims/{claim}"
    while api(desk.primary, "GET", path)["status"]["phase"] != "Bound":
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_nagios_gets_its_own_codes(desk: Desk) -> None:
    assert desk.run("check", "--nagios").code == 2

    desk.run("backup", "shop")
    answer = desk.run("check", "--nagios")

    assert answer.code == 0
    assert answer.out.startswith("DRSYNC OK - shop would lose")


@pytest.mark.slow
def test_a_store_that_is_gone_is_10_and_never_green(desk: Desk) -> None:
    desk.run("backup", "shop")
    shutil.move(desk.place / "store", desk.place / "elsewhere")

    backup = desk.run("backup", "shop")
    check = desk.run("check")
    status = desk.run("status")

    assert [backup.code, check.code, status.code] == [10, 10, 10]
    assert "UNKNOWN" in status.out
    assert "runbooks/errors.md#storeunreachable" in backup.err


def test_the_store_and_the_key_alone_restore_into_another_cluster(desk: Desk) -> None:
    assert desk.run("backup", "shop").code == 0
    shutil.copytree(desk.place / "store", desk.place / "copy")
    shutil.copy(desk.place / "drsync.key", desk.place / "kept.key")
    shutil.rmtree(desk.place / "policies")
    shutil.rmtree(desk.place / "store")
    (desk.place / "drsync.key").unlink()
    url = (desk.place / "copy").as_uri()
    kubeconfig = desk.place / "standby.kubeconfig"

    with_key = desk.run(
        "restore", "shop@latest", "--to", "standby", "--from-store", url, "--key-file", str(desk.place / "kept.key")
    )
    without = desk.run("restore", "shop@latest", "--to", "standby", "--from-store", url)

    assert kubeconfig.exists()
    assert with_key.code == 0
    assert without.code == 12


def test_status_of_a_store_alone_works_without_the_key_and_says_so(desk: Desk) -> None:
    desk.run("backup", "shop")

    answer = desk.run("status", "--from-store", (desk.place / "store").as_uri())

    assert answer.code == 0
    assert "not authenticated" in answer.err


def test_a_dry_run_says_what_would_be_done_and_does_nothing(desk: Desk) -> None:
    desk.run("backup", "shop")

    plan = desk.run("restore", "shop@latest", "--to", "standby", "--dry-run", "plan")
    backup = desk.run("backup", "shop", "--dry-run", "plan")

    assert plan.code == 0
    assert "Nothing was changed" in plan.out
    assert "Nothing was changed" in backup.out
    assert "shop" not in names(desk.standby, "/api/v1/namespaces")


def test_a_dry_run_on_the_server_stores_nothing(desk: Desk) -> None:
    desk.run("backup", "shop")
    api(desk.standby, "POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})

    answer = desk.run("restore", "shop@latest", "--to", "standby", "--dry-run", "server")

    assert answer.code == 0
    assert "settings-0" not in names(desk.standby, "/api/v1/namespaces/shop/configmaps")


def test_changing_what_is_there_needs_a_second_word_and_shows_the_difference(desk: Desk) -> None:
    desk.run("backup", "shop")
    desk.run("restore", "shop@latest", "--to", "standby")
    body = {"metadata": {"name": "settings-0"}, "data": {"value": "edited"}}
    api(desk.standby, "PUT", "/api/v1/namespaces/shop/configmaps/settings-0", body)

    asked = desk.run("restore", "shop@latest", "--to", "standby", "--existing", "replace")
    done = desk.run("restore", "shop@latest", "--to", "standby", "--existing", "replace", "--overwrite")

    assert asked.code == 7
    assert "'edited' → '0'" in asked.err
    assert done.code == 0
    found = api(desk.standby, "GET", "/api/v1/namespaces/shop/configmaps/settings-0")
    assert found["data"] == {"value": "0"}


def test_validate_names_every_fault_with_its_place(desk: Desk) -> None:
    desk.policy(POLICY.replace("rpo: 1h", "rpo: soon").replace("provider: filesystem", "provider: floppy"))

    answer = desk.run("validate", "-f", "policies")

    assert answer.code == 2
    assert "shop.yaml:6:" in answer.err
    assert "floppy" in answer.err or "shop.yaml:14:" in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ("bakup", "shop"),
        ("backup",),
        ("restore", "shop@latest"),
        ("get", "things"),
        ("backup", "shop", "--timeout", "soon"),
        ("status", "-o", "csv"),
        ("restore", "shop@latest", "--to", "standby", "--map-namespace", "x"),
    ],
)
def test_a_wrong_command_is_2_and_says_how_it_is_right(desk: Desk, words: tuple[str, ...]) -> None:
    answer = desk.run(*words)

    assert answer.code == 2
    assert "next" in answer.err
    assert "Traceback" not in answer.err


def test_an_error_is_json_for_who_asked_for_json(desk: Desk) -> None:
    answer = desk.run("backup", "shpo", "-o", "json")

    assert json.loads(answer.out)["exitCode"] == 4


def test_init_refuses_a_second_time_and_a_single_key_that_nobody_accepted(desk: Desk) -> None:
    again = desk.run("init", "dr", "--accept-single-key")
    single = desk.run("init", "--store", (desk.place / "other").as_uri(), "--key-file", "other.key")

    assert again.code == 1
    assert single.code == 7
    assert not (desk.place / "other.key").exists()


def test_doctor_finds_nothing_wrong_with_a_good_desk(desk: Desk) -> None:
    desk.run("backup", "shop")

    answer = desk.run("doctor")

    assert answer.code == 0
    assert "only one key opens it" in answer.out
