"""Policy files that tests start from and change."""

STORE = """\
apiVersion: drsync.io/v1alpha1
kind: BackupStore
metadata: {name: backups}
spec:
  provider: filesystem
  filesystem: {path: /dr}
"""

CLUSTER = """\
apiVersion: drsync.io/v1alpha1
kind: ClusterTarget
metadata: {name: primary}
spec: {connect: {mode: kubeconfig, kubeconfig: /kube/primary}}
"""

POLICY = """\
apiVersion: drsync.io/v1alpha1
kind: ProtectionPolicy
metadata: {name: shop}
spec:
  source: {cluster: primary}
  objectives: {rpo: 1h}
  select: {namespaces: {names: [shop]}}
  copies: [{store: backups}]
"""

CHANNEL = """\
apiVersion: drsync.io/v1alpha1
kind: NotifyChannel
metadata: {name: on-call}
spec: {type: webhook, url: "https://hooks.example.com/T0/secret-part"}
"""

PLAN = """\
apiVersion: drsync.io/v1alpha1
kind: RecoveryPlan
metadata: {name: shop}
spec:
  policies: [shop]
  approvals: {failover: 1, switchover: 2, breakGlass: {allowed: true, needsReason: true}}
  detect: {vantages: [hub], api: 3m, endpoint: {url: "https://shop.example.com/healthz", failures: 5}, action: advise}
  fence: {order: [store-epoch, scale-to-zero], ifUnreachable: continue-and-arm}
  external: [{name: "sqs:events", standbyEndpoint: "https://queue.example.com", probe: {tcp: "queue.example.com:443"}}]
  groups:
    - {name: platform, kinds: [customresourcedefinitions], gate: {established: 2m}}
    - {name: data, volumes: "*", timeout: 20m}
    - {name: db, select: {matchLabels: {app: db}}, gate: {exec: {app: db, command: [pg_isready]}, for: 5m}}
    - {name: app, gate: {http: {url: "http://api.shop/healthz", status: 200, times: 3}, for: 5m}, optional: true}
  cutover:
    gate: {person: move traffic}
    steps:
      - {dns: {provider: route53, zone: example.com, record: shop, type: A, to: {service: shop/web}, ttl: 30}}
      - {istio: {destinationRule: shop/shop, set: {failover: [{from: us, to: eu}]}}}
      - {kong: {probe: {url: "https://shop.example.com", header: {apikey: {secret: probe, field: key}}}}}
      - {k8gb: {gslb: shop/shop, primaryGeoTag: eu, reassertOnReturn: true}}
    rollback: {window: 15m, action: previous-target}
  after: [protect-reverse]
  drill:
    schedule: "0 4 14 * *"
    maxAge: 90d
    target: {cluster: primary, namespaceSuffix: -drill}
    isolation: {network: deny-egress, allow: [kube-dns], scrubSecrets: [stripe], suspendCronJobs: true}
    probes:
      - {name: api, http: {url: "http://api.shop-drill/healthz", status: 200}}
      - {name: rows, sql: {app: db, query: "select count(*) from t", min: 1}, measures: rpo}
    cleanup: always
    report: {store: backups, retain: 7y, sign: true}
"""

FILES = {"store.yaml": STORE, "cluster.yaml": CLUSTER, "policy.yaml": POLICY}


def policy_with(spec: str) -> dict[str, str]:
    """The valid files, with lines added to the policy's spec."""
    lines = "".join(f"  {line}\n" for line in spec.splitlines())
    return {**FILES, "policy.yaml": POLICY + lines}


def replaced(old: str, new: str, *, file: str = "policy.yaml") -> dict[str, str]:
    """The valid files, with a part of one replaced."""
    if old not in FILES[file]:
        raise AssertionError(old)
    return {**FILES, file: FILES[file].replace(old, new)}
