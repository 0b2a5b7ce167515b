"""Mutated policy files are refused as policies, quickly and in little memory, or they load."""

import random
import resource
import time
from pathlib import Path

import pytest

from drsync.errors import PolicyInvalid
from drsync.policy.load import load
from tests.policy.policy_texts import CHANNEL, CLUSTER, PLAN, POLICY, STORE

EXAMPLES = Path(__file__).parents[2] / "policies"
SEEDS = 12_000
TOKENS = [
    "&a ",
    "*a",
    "<<: ",
    "!!python/object/apply:os.system ",
    "!!binary ",
    "yes",
    "0777",
    "1:30",
    "null",
    "~",
    "{}",
    "[]",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "? ",
    ": ",
    "- ",
    "|\n",
    ">-\n",
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    "\t",
    "\n",
    "\x00",
    "\x85",
    "\u2028",
    "\u202e",
    "\ud800",
    "9" * 400,
    "-1",
    "1e999",
    "x" * 70_000,
    "[" * 3_000,
    "{a: " * 3_000,
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "{{ 7*7 }}",
    "`id`",
    "shop-*",
    '["*"]',
    "kube-system",
    "é",
    "😀",
    "\ufeff",
    "cron: '*/1 * * * *'",
    "every: 1s",
    "0 0 31 2 *",
    "* * L/9 * 1#9",
    "Europe",
    "context/",
    "169.254.169.254",
]


def _mutated(random_: random.Random, text: str) -> str | bytes:
    for _ in range(random_.randint(1, 6)):
        at = random_.randrange(len(text) + 1)
        length = random_.choice([0, 0, 1, 3, 20, 200])
        match random_.randrange(5):
            case 0:
                text = text[:at] + random_.choice(TOKENS) + text[at + length :]
            case 1:
                text = text[:at] + text[at + length :]
            case 2:
                text = text[:at] + text[at : at + length] * random_.choice([2, 50]) + text[at + length :]
            case 3:
                other = random_.randrange(len(text) + 1)
                text = text[:at] + text[other : other + length] + text[at:]
            case _:
                text = (
                    text[:at]
                    + chr(random_.choice([random_.randrange(128), random_.randrange(0x3000)]))
                    + text[at + 1 :]
                )
    if random_.random() < 0.05:
        data = bytearray(text.encode(errors="surrogatepass"))
        data[random_.randrange(len(data) or 1) : 1] = bytes([random_.randrange(256)])
        return bytes(data)
    return text


def _refusal(text: str | bytes) -> str | None:
    try:
        load({"fuzzed.yaml": text})
    except PolicyInvalid as error:
        return error.problem
    return None


@pytest.mark.slow
def test_mutated_policy_files_are_refused_or_load_and_nothing_else() -> None:
    examples = [path.read_text() for path in sorted(EXAMPLES.glob("*.yaml"))]
    valid = "---\n".join([STORE, CLUSTER, POLICY, CHANNEL, PLAN])
    texts = [*examples, valid, POLICY, PLAN]
    load({"warm.yaml": valid})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = 0.0
    refused = 0

    for seed in range(SEEDS):
        random_ = random.Random(seed)  # noqa: S311 - a seed that can be given again
        text = _mutated(random_, random_.choice(texts))
        began = time.process_time()
        problem = _refusal(text)
        refused += problem is not None
        assert problem is None or "fuzzed.yaml:" in problem, seed
        assert problem is None or len(problem) < 64 * 1024, seed
        slowest = max(slowest, time.process_time() - began)

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert refused > SEEDS // 2
    assert slowest < 1.0
    assert grown_kib < 64 * 1024
