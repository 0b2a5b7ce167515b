"""The sandbox answers as a real server did: recorded from Kubernetes 1.37.2, asked again here in the same order."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from drsync.sandbox.serving import serve_in_thread
from tests.sandbox.conftest import Caller

RECORDED = json.loads((Path(__file__).parent / "recorded" / "v1.37.2.json").read_text())
VOLATILE = {
    *("time", "resourceVersion", "uid", "creationTimestamp", "deletionTimestamp", "lastTransitionTime"),
    *("lastPhaseTransitionTime", "continue", "nodePort"),
}
UID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
OTHERWISE = {
    "cm bad json": "the parser's words",
    "cm empty": "the parser's words",
    "cm wrong kind": "names no Go types",
    "cm bad ct": "does not offer protobuf",
    "patch bad ct": "offers no strategic merge patch, and says what it offers",
    "list continue+rv": "the parser's words",
    "list continue bad": "the parser's words",
    "pvc change": "shows no diff",
    "pod change": "shows no diff",
    "pvc": "has a default storage class",
    "deploy status": "its controllers have written a status by then",
    "deploy status ignored": "its controllers have written a status by then",
    "role": "owns no field whose value is null",
    "hpa": "takes a reference for a map",
    **dict.fromkeys(
        (f"again: {label}" for label in ("d2", "d3", "d4", "d6", "get status")),
        "its controllers write no status for a paused deployment",
    ),
    **dict.fromkeys((f"again: {label}" for label in ("post mf", "bad owner", "bad labels")), "the parser's words"),
    "again: rb2": "names no Go fields",
    "again: status put": "the parser's words",
    "again: crd2": "names one fault of two",
    "again: gen name long": "makes up other letters",
    "crd get": "its controllers have another manager's name",
}
"""Where the answer's words may differ, and why; its status may not."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, tuple[int, Any]]:
    given: dict[str, tuple[int, Any]] = {}
    with serve_in_thread(tmp_path_factory.mktemp("recorded")) as served:
        call = Caller(served.url, served.token)
        for entry in RECORDED:
            if entry["label"].startswith("WAIT"):
                call.until(entry["path"], lambda answer: answer.status == 200)
            headers = {"ANON": {"Authorization": ""}, "BAD": {"Authorization": "Bearer nope"}}.get(entry["type"])
            media_type = entry["type"] if "/" in (entry["type"] or "") else "application/json"
            answer = call(entry["method"], entry["path"], entry["body"], type=media_type, headers=headers)
            given[entry["label"]] = (answer.status, answer.body)
        call.close()
    return given


@pytest.mark.parametrize("entry", RECORDED, ids=lambda entry: entry["label"])
def test_the_status_is_the_real_servers(answers, entry) -> None:
    assert answers[entry["label"]][0] == entry["status"]


@pytest.mark.parametrize(
    "entry", [entry for entry in RECORDED if entry["label"] not in OTHERWISE], ids=lambda entry: entry["label"]
)
def test_the_body_is_the_real_servers(answers, entry) -> None:
    assert plain(answers[entry["label"]][1]) == plain(entry["answer"])


def plain(value: Any) -> Any:
    """Without what no two servers share, and without what is empty."""
    if isinstance(value, dict):
        kept = {name: plain(inner) for name, inner in value.items() if name not in VOLATILE}
        return {name: inner for name, inner in kept.items() if inner not in (None, [], "")}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if not isinstance(value, str):
        return value
    text = UID.sub("<uid>", value)
    text = re.sub(r"10\.96\.\d+\.\d+", "<address>", text)
    text = re.sub(r"(kube-api-access|gen)-\w{5}", r"\1-<random>", text)
    return re.sub(r"(in record \(|current: )\d+", r"\1<number>", text)
