"""Which kinds a sandbox serves from the start, as the real server's discovery names them.

Custom kinds are added and removed while it runs, by their definitions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from drsync.model.resource import Manifest, ResourceKind

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

# group/version | plural, kind, n(amespaced) or c(luster), flags, short names, category
# flags: s = status subresource, g = the server counts `metadata.generation`, r = replace needs a resourceVersion,
# o = a delete answers with the object where others answer with a Status
_BUILT_IN = """
v1 configmaps ConfigMap n - cm -
v1 endpoints Endpoints n - ep -
v1 events Event n - ev -
v1 limitranges LimitRange n - limits -
v1 namespaces Namespace c s ns -
v1 nodes Node c s no -
v1 persistentvolumeclaims PersistentVolumeClaim n so pvc -
v1 persistentvolumes PersistentVolume c so pv -
v1 pods Pod n sgo po all
v1 podtemplates PodTemplate n go - -
v1 replicationcontrollers ReplicationController n sg rc all
v1 resourcequotas ResourceQuota n so quota -
v1 secrets Secret n - - -
v1 serviceaccounts ServiceAccount n o sa -
v1 services Service n so svc all
apiregistration.k8s.io/v1 apiservices APIService c sr - api-extensions
apps/v1 controllerrevisions ControllerRevision n - - -
apps/v1 daemonsets DaemonSet n sg ds all
apps/v1 deployments Deployment n sg deploy all
apps/v1 replicasets ReplicaSet n sg rs all
apps/v1 statefulsets StatefulSet n sg sts all
autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler n sg hpa all
batch/v1 cronjobs CronJob n sg cj all
batch/v1 jobs Job n sg - all
certificates.k8s.io/v1 certificatesigningrequests CertificateSigningRequest c s csr -
networking.k8s.io/v1 ingressclasses IngressClass c g - -
networking.k8s.io/v1 ingresses Ingress n sg ing -
networking.k8s.io/v1 networkpolicies NetworkPolicy n g netpol -
policy/v1 poddisruptionbudgets PodDisruptionBudget n sgr pdb -
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding c - - -
rbac.authorization.k8s.io/v1 clusterroles ClusterRole c - - -
rbac.authorization.k8s.io/v1 rolebindings RoleBinding n - - -
rbac.authorization.k8s.io/v1 roles Role n - - -
storage.k8s.io/v1 csidrivers CSIDriver c or - -
storage.k8s.io/v1 csinodes CSINode c or - -
storage.k8s.io/v1 storageclasses StorageClass c o sc -
storage.k8s.io/v1 volumeattachments VolumeAttachment c sor - -
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration c gr - api-extensions
admissionregistration.k8s.io/v1 validatingadmissionpolicies ValidatingAdmissionPolicy c sgr - api-extensions
admissionregistration.k8s.io/v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding c gr - api-extensions
admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration c gr - api-extensions
apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition c sgr crd,crds api-extensions
scheduling.k8s.io/v1 priorityclasses PriorityClass c g pc -
coordination.k8s.io/v1 leases Lease n r - -
node.k8s.io/v1 runtimeclasses RuntimeClass c r - -
discovery.k8s.io/v1 endpointslices EndpointSlice n g - -
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedKind:
    """One kind in one version, and how the server treats it."""

    kind: ResourceKind
    singular: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has_status: bool = False
    counts_generation: bool = False
    needs_version: bool = False
    """Replace without a resourceVersion is refused."""
    returns_deleted: bool = False
    """A delete answers with the object."""
    schema: Manifest | None = None
    """A custom kind's openAPIV3Schema; None for built-in kinds."""
    list_kind: str = ""

    @property
    def custom(self) -> bool:
        return self.schema is not None

    @property
    def resource(self) -> str:
        """What the store files it under: the same for every version."""
        return self.kind.group_resource

    def with_kind(self, manifest: Manifest) -> Manifest:
        return {"kind": self.kind.kind, "apiVersion": self.kind.api_version, **manifest}

    @property
    def head(self) -> bytes:
        """The opening of an object of this kind; objects are kept without it."""
        return b'{"kind":"%s","apiVersion":"%s",' % (self.kind.kind.encode(), self.kind.api_version.encode())


@dataclass(slots=True)
class Kinds:
    """The kinds served now, by (group, version, plural)."""

    _served: dict[tuple[str, str, str], ServedKind] = field(default_factory=dict[tuple[str, str, str], ServedKind])

    def add(self, served: ServedKind) -> None:
        self._served[served.kind.group, served.kind.version, served.kind.resource] = served

    def remove(self, resource: str) -> None:
        """Stops serving every version of `plural.group`."""
        self._served = {key: served for key, served in self._served.items() if served.resource != resource}

    def find(self, group: str, version: str, plural: str) -> ServedKind | None:
        return self._served.get((group, version, plural))

    def of_resource(self, resource: str) -> ServedKind | None:
        return next((served for served in self if served.resource == resource), None)

    def builtin(self, resource: str) -> ServedKind:
        """A kind that is always there."""
        found = self.of_resource(resource)
        if found is None:
            raise KeyError(resource)
        return found

    def of_manifest(self, api_version: str, kind: str) -> ServedKind | None:
        return next((s for s in self if s.kind.kind == kind and s.kind.api_version == api_version), None)

    def serves_group(self, group: str, version: str) -> bool:
        return any(key[0] == group and key[1] == version for key in self._served)

    def __iter__(self) -> Iterator[ServedKind]:
        return iter(self._served.values())


def built_in() -> Kinds:
    """The kinds that every sandbox serves."""
    kinds = Kinds()
    for served in _parse(_BUILT_IN.split("\n")):
        kinds.add(served)
    return kinds


def _parse(lines: Iterable[str]) -> Iterator[ServedKind]:
    for line in filter(None, lines):
        group_version, plural, kind, scope, flags, short, category = line.split()
        group, _, version = group_version.rpartition("/")
        verbs = set(VERBS) - ({"deletecollection"} if plural == "namespaces" else set())
        yield ServedKind(
            kind=ResourceKind(
                group=group,
                version=version,
                resource=plural,
                kind=kind,
                namespaced=scope == "n",
                verbs=frozenset(verbs),
            ),
            singular=kind.lower(),
            short_names=() if short == "-" else tuple(short.split(",")),
            categories=() if category == "-" else (category,),
            has_status="s" in flags,
            counts_generation="g" in flags,
            needs_version="r" in flags,
            returns_deleted="o" in flags,
            list_kind=f"{kind}List",
        )
