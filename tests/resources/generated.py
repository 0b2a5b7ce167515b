"""Manifests as hypothesis makes them: real kinds with whatever may stand in their fields."""

import re
from typing import Any

from hypothesis import strategies as st

from drsync.resources.rules import RULES
from drsync.resources.sanitise import SHED_ANNOTATIONS, SHED_FINALIZERS

texts = st.text("ab-0é", max_size=4)
scalars = st.none() | st.booleans() | st.integers(-3, 3) | texts

FIELDS = re.findall(
    r"\S+",
    """
    clusterIP clusterIPs ports nodePort port protocol healthCheckNodePort loadBalancerIP ipFamilyPolicy
    ipFamilies volumeName dataSource selector storageClassName claimRef uid resourceVersion nodeName
    priority volumes name secret secretName containers volumeMounts serviceAccountName template metadata
    labels controller-uid manualSelector preserveUnknownFields versions schema webhooks sideEffects
    aggregationRule rules secrets type data token status spec finalizers annotations ownerReferences
    anything
    """,
)

values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)

annotations = st.dictionaries(
    st.sampled_from(["note", "kubectl.kubernetes.io/last-applied-configuration", *sorted(SHED_ANNOTATIONS)[:4]]),
    texts | st.just('{"spec":{"ports":[{"port":1,"nodePort":3}]}}'),
    max_size=3,
)

metadata = st.fixed_dictionaries(
    {"name": texts},
    optional={
        "namespace": texts,
        "uid": texts,
        "resourceVersion": texts,
        "generateName": texts,
        "labels": st.dictionaries(st.sampled_from(["app", "controller-uid", "kubernetes.io/metadata.name"]), texts),
        "annotations": annotations,
        "finalizers": st.lists(st.sampled_from(["example.com/keep", *sorted(SHED_FINALIZERS)]), max_size=3),
        "managedFields": st.just([{"manager": "m", "fieldsV1": {"f:spec": {"f:healthCheckNodePort": {}}}}]),
        "unheard-of": values,
    },
)

kinds = st.sampled_from([*RULES, ("apps", "Deployment"), ("example.com", "Widget"), ("", "ConfigMap")])


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    group, kind = draw(kinds)
    body = draw(st.dictionaries(st.sampled_from(FIELDS), values, max_size=5))
    head = {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind}
    spec = draw(
        st.just({}) | st.fixed_dictionaries({"spec": st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)})
    )
    return {**body, **spec, **head, "metadata": draw(metadata | values)}
