"""The addresses that Services get: cluster IPs and node ports, each handed out once."""

import secrets
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox import answers
from drsync.sandbox.answers import Cause
from drsync.sandbox.kinds import ServedKind
from drsync.sandbox.storage import Change, ChangeType
from drsync.sandbox.tree import branch, leaves

SERVICE_NETWORK = IPv4Network("10.96.0.0/16")
_NODE_PORTS = range(30000, 32768)
_PLAIN = {"type": "ClusterIP", "sessionAffinity": "None"}


class Addresses:
    """Which addresses are taken; follows the store's changes."""

    def __init__(self) -> None:
        self._ips: dict[str, str] = {}
        self._ports: dict[int, str] = {}

    def follow(self, change: Change) -> None:
        if change.resource != "services":
            return
        before = change.previous.manifest() if change.previous else {}
        for address in _ips(before):
            self._ips.pop(address, None)
        for port in _ports(before):
            self._ports.pop(port, None)
        if change.type is not ChangeType.DELETED:
            now = change.stored.manifest()
            uid: str = now["metadata"]["uid"]
            self._ips.update(dict.fromkeys(_ips(now), uid))
            self._ports.update(dict.fromkeys(_ports(now), uid))

    def allocate(self, served: ServedKind, manifest: Manifest, old: Manifest | None) -> None:
        """Completes a Service; 422 for an address that cannot be had."""
        spec = manifest.setdefault("spec", {})
        if spec["type"] == "ExternalName":
            for field in ("clusterIP", "clusterIPs"):
                spec.pop(field, None)
            return
        _complete(spec, branch(old or {}, "spec"))
        name, uid = str(manifest["metadata"].get("name")), manifest["metadata"]["uid"]
        asked = str(spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), ""))
        if asked and asked != "None":
            self._check(served, name, uid, asked)
        address = asked or self._free_ip()
        spec["clusterIP"], spec["clusterIPs"] = address, [address]
        if spec["type"] in ("NodePort", "LoadBalancer"):
            for port in spec.get("ports") or ():
                self._take_port(served, name, uid, port)

    def _check(self, served: ServedKind, name: str, uid: str, address: str) -> None:
        why, field = "", "spec.clusterIPs"
        shown = f'["{address}"]'
        try:
            inside = IPv4Address(address) in SERVICE_NETWORK
        except ValueError:
            shown, field = f'"{address}"', "spec.clusterIPs[0]"
            why, inside = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", True
        if not inside:
            why = f"failed to allocate IP {address}: the provided network does not match the current range"
        elif self._ips.get(address, uid) != uid:
            why = f"failed to allocate IP {address}: provided IP is already allocated"
        if why:
            raise answers.invalid(served, name, [Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", field)])

    def _take_port(self, served: ServedKind, name: str, uid: str, port: dict[str, Any]) -> None:
        asked = port.get("nodePort")
        if not asked:
            port["nodePort"] = next(free for free in _shuffled_ports() if free not in self._ports)
            return
        why = ""
        if asked not in _NODE_PORTS:
            why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
        elif self._ports.get(asked, uid) != uid:
            why = "provided port is already allocated"
        if why:
            cause = Cause("FieldValueInvalid", f"Invalid value: {asked}: {why}", "spec.ports[0].nodePort")
            raise answers.invalid(served, name, [cause])

    def _free_ip(self) -> str:
        while True:
            address = str(SERVICE_NETWORK[secrets.randbelow(SERVICE_NETWORK.num_addresses - 258) + 257])
            if address not in self._ips:
                return address


def complete(manifest: Manifest) -> None:
    """Defaults of a Service, as decoding it fills them in."""
    spec = manifest["spec"]
    for field, value in _PLAIN.items():
        spec.setdefault(field, value)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if spec["type"] == "ExternalName":
        return
    spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def _complete(spec: dict[str, Any], old: Mapping[str, Any]) -> None:
    """What goes with addresses; an update that says nothing of them keeps them."""
    if old and old.get("type") != "ExternalName":
        _keep(spec, old)
    bare = spec.get("clusterIP") == "None" and not spec.get("selector")
    spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if bare else ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if bare else "SingleStack")


def _keep(spec: dict[str, Any], old: Mapping[str, Any]) -> None:
    for field in ("clusterIP", "clusterIPs"):
        if not spec.get(field) and old.get(field):
            spec[field] = old[field]
    before = {(port.get("port"), port.get("protocol")): port.get("nodePort") for port in old.get("ports") or ()}
    for port in spec.get("ports") or ():
        kept = before.get((port.get("port"), port.get("protocol")))
        if kept and spec["type"] in ("NodePort", "LoadBalancer"):
            port.setdefault("nodePort", kept)


def _shuffled_ports() -> Iterator[int]:
    first = secrets.randbelow(len(_NODE_PORTS))
    yield from (*_NODE_PORTS[first:], *_NODE_PORTS[:first])


def _ips(service: Manifest) -> list[str]:
    return [ip for ip in leaves(service, "spec", "clusterIPs") if ip != "None"]


def _ports(service: Manifest) -> list[int]:
    return [port["nodePort"] for port in leaves(service, "spec", "ports") if port.get("nodePort")]
