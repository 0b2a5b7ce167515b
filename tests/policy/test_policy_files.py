"""Policy files load as they say, or every fault in them is named."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from drsync.errors import NotFound, PolicyInvalid
from drsync.model.policy import LabelRequirement, VolumeMethod
from drsync.policy.load import bundle, load
from drsync.stores.open import S3Url, parse_url
from tests.policy.policy_texts import CHANNEL, CLUSTER, FILES, PLAN, POLICY, STORE, policy_with, replaced


def faults(files: Mapping[str, str | bytes]) -> list[str]:
    with pytest.raises(PolicyInvalid) as caught:
        load(files)
    return caught.value.problem.splitlines()


def test_the_least_policy_gets_every_default() -> None:
    policy = load(FILES).policies["shop"]

    assert policy.schedule.every == timedelta(minutes=30)
    assert policy.schedule.jitter == timedelta(minutes=1)
    assert [rule.method for rule in policy.volume_rules] == [VolumeMethod.FILESYSTEM]
    assert policy.select.rbac == "exclude"
    assert not policy.allow_live


def test_a_fault_names_file_line_column_path_problem_and_remedy() -> None:
    found = faults(replaced("rpo: 1h", "rpo: 1hour"))

    problem = "must be a duration longer than nothing and shorter than a century."
    assert found == [f"policy.yaml:6:21: spec.objectives.rpo: {problem} → write it as 90s, 15m, 1h30m or 7d"]


def test_every_fault_of_every_file_is_named_at_once() -> None:
    files = {
        "a.yaml": STORE.replace("/dr", "''").replace("backups", "Backups"),
        "b.yaml": CLUSTER.replace("kubeconfig:", "kubeconfg:"),
        "c.yaml": POLICY.replace("rpo: 1h", "rpo: 0s") + "  colour: red\n",
    }

    assert [line.split(" ", 2)[:2] for line in faults(files)] == [
        ["a.yaml:3:18:", "metadata.name:"],
        ["a.yaml:6:22:", "spec.filesystem.path:"],
        ["b.yaml:4:36:", "spec.connect.kubeconfg:"],
        ["c.yaml:6:21:", "spec.objectives.rpo:"],
        ["c.yaml:9:3:", "spec.colour:"],
    ]


@pytest.mark.parametrize(
    ("files", "path", "says"),
    [
        (replaced("kind: ProtectionPolicy", "kind: ProtectionPolice"), "kind", "did you mean ProtectionPolicy?"),
        (replaced("v1alpha1", "v1"), "apiVersion", "did you mean drsync.io/v1alpha1?"),
        (replaced("rpo: 1h", "rop: 1h"), "spec.objectives.rop", "did you mean rpo?"),
        (replaced("rpo: 1h", "rop: 1h"), "spec.objectives.rpo", "is missing."),
        (replaced("rpo: 1h", "rpo: 60"), "spec.objectives.rpo", "write it with its unit"),
        (replaced("rpo: 1h", "rpo: "), "spec.objectives.rpo", "must be a duration"),
        (replaced("rpo: 1h", "rpo: 1h, allowLive: 'true'"), "spec.objectives.allowLive", "must be true or false"),
        (replaced("[shop]", "shop"), "spec.select.namespaces.names", "must be a list, and is a text."),
        (replaced("[shop]", "[7]"), "spec.select.namespaces.names[0]", "must be a text, and is a number."),
        (replaced("[shop]", "[Shop]"), "spec.select.namespaces.names[0]", "shop-*"),
        (replaced("[shop]", "[../etc]"), "spec.select.namespaces.names[0]", "shop-*"),
        (replaced("names: [shop]", "names: []"), "spec.select.namespaces", "selects nothing."),
        (replaced("names: [shop]", "labels: {}"), "spec.select.namespaces.labels", "matches every namespace."),
        (replaced("name: shop", "name: a/../b"), "metadata.name", "must be a DNS label."),
        (replaced("name: shop", f"name: {'a' * 64}"), "metadata.name", "must be a DNS label."),
        (replaced("cluster: primary", "cluster: primry"), "spec.source.cluster", "use one of primary, or add it"),
        (
            replaced("store: backups", "store: elsewhere"),
            "spec.copies[0].store",
            "there is no BackupStore `elsewhere`.",
        ),
        (replaced("[{store: backups}]", "[]"), "spec.copies", "is empty."),
        (
            replaced("{store: backups}", "{store: backups}, {store: backups}"),
            "spec.copies[1]",
            "one copy is all that works yet",
        ),
        (policy_with("hooks: [{name: x, on: {pods: {}}}]"), "spec.hooks", "nothing runs in an application's pods yet"),
        (policy_with("residency: {onUnknown: deny}"), "spec.residency", "not enforced yet"),
        (
            policy_with("volumes: {rules: [{method: snapshot-upload}]}"),
            "spec.volumes.rules[0].method",
            "use filesystem, which reads files live",
        ),
        (
            policy_with("volumes: {rules: [{match: {csi: true}, method: skip}]}"),
            "spec.volumes.rules[0]",
            "the last one must match all",
        ),
        (
            policy_with("volumes: {rules: [{method: skip}, {method: fail}]}"),
            "spec.volumes.rules[0]",
            "no rule after it is reached",
        ),
        (policy_with("volumes: {rules: []}"), "spec.volumes.rules", "is empty."),
        (policy_with("schedule: {cron: '* * *'}"), "spec.schedule.cron", "five fields"),
        (policy_with("schedule: {cron: '@daily'}"), "spec.schedule.cron", "five fields"),
        (policy_with("schedule: {cron: '61 * * * *'}"), "spec.schedule.cron", "Bad minute"),
        (policy_with("schedule: {cron: '0 0 31 2 *'}"), "spec.schedule.cron", "Bad day-of-month"),
        (policy_with("schedule: {timezone: Europe}"), "spec.schedule.timezone", "Europe/Berlin"),
        (policy_with("schedule: {timezone: ../../etc/passwd}"), "spec.schedule.timezone", "Europe/Berlin"),
        (policy_with("schedule: {cron: '* * * * *', every: 5m}"), "spec.schedule.every", "keep one of them"),
        (policy_with("schedule: {missed: skip}"), "spec.schedule.missed", "always runs once"),
        (
            policy_with("standbys: [{cluster: primary}]"),
            "spec.standbys[0].cluster",
            "is the cluster that is protected.",
        ),
        (policy_with("notify: [{to: nobody, when: [partial]}]"), "spec.notify[0].to", "add a NotifyChannel"),
        (policy_with("select: {}"), "", "`select` is there twice; the first is on line 7."),
        (
            policy_with("retention: {daily: -1}"),
            "spec.retention.daily",
            "input should be greater than or equal to 0.",
        ),
        (replaced("filesystem\n", "s3\n", file="store.yaml"), "spec", "says provider s3, and has no `s3`."),
        (replaced("filesystem\n", "gcs\n", file="store.yaml"), "spec.provider", "Google Cloud Storage"),
        (
            replaced("/dr}", "/dr}\n  immutability: {mode: compliance, days: 3}", file="store.yaml"),
            "spec.immutability",
            "the bucket's own default retention",
        ),
        (
            replaced("/dr}", "/dr}\n  encryption: {keyRef: {secret: ../x, field: y}}", file="store.yaml"),
            "spec.encryption.keyRef.secret",
            "must be a plain name.",
        ),
        (
            replaced("/dr}", "/dr}\n  encryption: {keyRef: {secret: x}}", file="store.yaml"),
            "spec.encryption.keyRef",
            "{file: PATH}",
        ),
        (
            replaced("mode: kubeconfig,", "mode: agent,", file="cluster.yaml"),
            "spec.connect.kubeconfig",
            "has no meaning with mode agent.",
        ),
    ],
)
def test_a_fault_is_named_with_its_remedy(files: dict[str, str], path: str, says: str) -> None:
    found = faults(files)

    assert [line for line in found if says in line and (not path or f": {path}: " in line)], found


def test_an_interval_that_cannot_meet_the_rpo_is_a_fault_with_its_numbers() -> None:
    spec = "schedule: {cron: '*/15 * * * *', jitter: 2m}"
    files = policy_with(spec)
    files["policy.yaml"] = files["policy.yaml"].replace("{store: backups}", "{store: backups, within: 4m}")
    files["policy.yaml"] = files["policy.yaml"].replace("rpo: 1h", "rpo: 20m")

    (fault,) = faults(files)

    assert "15m between slots + 4m to copy + 2m jitter = 21m is more than 20m." in fault
    assert "capture at least every 14m, or raise the RPO" in fault


def test_an_interval_as_long_as_the_rpo_allows_is_no_fault() -> None:
    policy = load(policy_with("schedule: {every: 1h}")).policies["shop"]

    assert policy.schedule.jitter == timedelta()


def test_a_name_that_is_used_twice_is_a_fault_across_files() -> None:
    (fault,) = faults({**FILES, "z.yaml": STORE})

    assert fault.startswith(
        "z.yaml:3:18: metadata.name: There is a BackupStore of this name already, at store.yaml:1:1."
    )


def test_a_document_with_faults_still_counts_as_there_for_those_who_name_it() -> None:
    found = faults(replaced("path: /dr", "path: 7", file="store.yaml"))

    assert len(found) == 1


@pytest.mark.parametrize("content", [b"\xff\xfe\x00k", POLICY.encode() + b"# caf\xe9\n"])
def test_bytes_that_are_not_utf8_are_one_fault(content: bytes) -> None:
    (fault,) = faults({"p.yaml": content})

    assert "The file is not UTF-8." in fault


@pytest.mark.parametrize("cut", range(0, len(POLICY), 7))
def test_a_file_that_was_half_written_never_loads(cut: int) -> None:
    assert faults({**FILES, "policy.yaml": POLICY[:cut]})


def test_several_documents_of_one_file_load_as_several_files_do() -> None:
    together = load({"all.yaml": "---\n".join([STORE, CLUSTER, POLICY])})

    assert together == load(FILES)


def test_empty_documents_beside_others_are_passed_over() -> None:
    assert load({"all.yaml": "---\n---\n" + "---\n".join([STORE, CLUSTER, POLICY]) + "---\n"}).policies


def test_relative_paths_are_taken_from_the_files_folder() -> None:
    files = {
        "teams/store.yaml": STORE.replace("/dr", "../data") + "  encryption: {keyRef: {file: key.txt}}\n",
        "cluster.yaml": CLUSTER.replace("/kube/primary", "primary.kubeconfig"),
    }

    config = load(files, base="/etc/drsync")

    assert config.stores["backups"].url == "file:///etc/drsync/data"
    assert config.stores["backups"].key is not None
    assert config.stores["backups"].key.file == "/etc/drsync/teams/key.txt"
    assert config.clusters["primary"].kubeconfig == "/etc/drsync/primary.kubeconfig"


@pytest.mark.parametrize(
    ("s3", "prefix"),
    [
        ("{bucket: acme-dr}", ""),
        ("{bucket: acme-dr, prefix: teams/pay_1}", "teams/pay_1"),
        (
            "{bucket: acme-dr, prefix: p, region: eu-1, endpoint: 'https://s3:9000', pathStyle: false, caFile: ca.pem}",
            "p",
        ),
    ],
)
def test_an_s3_store_becomes_an_address_that_stores_understand(s3: str, prefix: str) -> None:
    text = STORE.replace("filesystem\n", "s3\n").replace("filesystem: {path: /dr}", f"s3: {s3}")

    parsed = parse_url(load({"s.yaml": text}, base="/etc").stores["backups"].url)

    assert isinstance(parsed, S3Url)
    assert (parsed.bucket, parsed.prefix) == ("acme-dr", prefix)
    assert not parsed.path_style
    assert parsed.ca in {"", "/etc/ca.pem"}


def test_a_context_of_the_kubeconfig_stands_for_a_cluster() -> None:
    name = "context/arn:aws:eks:us-east-1:1:cluster/prod"
    files = replaced("cluster: primary", f"cluster: '{name}'")

    config = load(files)

    assert config.clusters[name].context == "arn:aws:eks:us-east-1:1:cluster/prod"


def test_selectors_become_requirements() -> None:
    files = replaced(
        "names: [shop]",
        "labels: {matchLabels: {team: a}, matchExpressions: [{key: tier, operator: NotIn, values: [x]}]}",
    )

    assert load(files).policies["shop"].select.namespace_labels == (
        LabelRequirement(key="team", operator="In", values=("a",)),
        LabelRequirement(key="tier", operator="NotIn", values=("x",)),
    )


def test_a_route_resends_as_its_channel_does_unless_it_says_otherwise() -> None:
    spec = (
        "notify:\n  - {to: on-call, when: [partial]}\n  - {to: on-call, when: [drill-failed, partial], resend: never}"
    )
    files = {**policy_with(spec), "channel.yaml": CHANNEL}

    usual, once = load(files).policies["shop"].notify

    assert usual.resend == timedelta(minutes=30)
    assert once.resend is None
    assert once.when == ("partial",)


def test_a_recovery_plan_is_checked_although_it_does_nothing_yet() -> None:
    assert load({**FILES, "plan.yaml": PLAN}).documents["RecoveryPlan/shop"] == PLAN


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("policies: [shop]", "policies: [shoop]", "there is no ProtectionPolicy `shoop`."),
        (", for: 5m}, optional", "}, optional", "has no timeout."),
        ("{established: 2m}", "{}", "must wait for one thing."),
        ("ttl: 30", "ttl: 90000", "less than or equal to 86400"),
        ("  - {k8gb", "  - {k9gb", "did you mean k8gb?"),
        ("measures: rpo", "measures: rto", "did you mean rpo?"),
        ("store: backups, retain", "store: other, retain", "there is no BackupStore `other`."),
    ],
)
def test_a_fault_in_a_recovery_plan_is_named(old: str, new: str, says: str) -> None:
    assert says in "\n".join(faults({**FILES, "plan.yaml": PLAN.replace(old, new)}))


def test_a_policy_belongs_to_one_plan() -> None:
    second = PLAN.replace("name: shop}", "name: twice}")

    found = faults({**FILES, "plan.yaml": PLAN, "second.yaml": second})

    assert len(found) == 1
    assert "is in the plan shop already" in found[0]


def test_a_dns_ttl_may_use_a_tenth_of_the_rto() -> None:
    files = {**replaced("rpo: 1h", "rpo: 1h, rto: 4m"), "plan.yaml": PLAN}

    assert "write 24 or less" in "\n".join(faults(files))


def test_what_the_store_keeps_of_a_policy_loads_by_itself() -> None:
    spec = "notify: [{to: on-call, when: [partial]}]"
    config = load({**policy_with(spec), "channel.yaml": CHANNEL, "other.yaml": STORE.replace("backups", "unused")})

    again = load({"kept.yaml": bundle(config, "shop")})

    assert again.policies == config.policies
    assert list(again.stores) == ["backups"]


def test_a_channels_address_is_in_nothing_that_is_kept_or_printed() -> None:
    config = load({"channel.yaml": CHANNEL})

    assert config.channels["on-call"].url.endswith("secret-part")
    assert "secret-part" not in repr(config)


def test_a_wrong_address_of_a_channel_is_not_repeated() -> None:
    found = faults({"channel.yaml": CHANNEL.replace("https://", "gopher://")})

    assert "secret-part" not in "\n".join(found)


def test_a_policy_that_is_not_there_is_named_with_the_closest() -> None:
    with pytest.raises(NotFound, match="did you mean shop"):
        bundle(load(FILES), "shopp")


def test_no_files_are_an_empty_configuration() -> None:
    assert not load({}).policies
