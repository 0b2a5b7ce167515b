"""YAML that readers disagree on, and YAML made to hurt, is refused."""

import time
import tracemalloc

import pytest

from drsync.policy.document import plain_scalar, read_documents, surprise
from drsync.policy.fault import Fault


def read(text: str) -> tuple[list[object], list[Fault]]:
    faults: list[Fault] = []
    documents = read_documents("f.yaml", text, faults)
    return [document.root.plain() for document in documents], faults


@pytest.mark.parametrize(
    "word",
    ["yes", "No", "on", "OFF", "y", "N", "True", "FALSE", "~", "Null", "0777", "0o17", "0x1F", "0b11", "1_000", "+1",
     ".5", "1.", "1:30", "12:30:00", "190:20:30.15", ".inf", "-.INF", ".nan", "2026-08-21", "2026-8-1 10:00:00", "="],
)  # fmt: skip
def test_an_unquoted_word_that_readers_disagree_on_is_refused(word: str) -> None:
    _, faults = read(f"a: {word}\n")

    assert [str(fault.place) for fault in faults] == ["f.yaml:1:4"]


@pytest.mark.parametrize("word", ["yes", "0777", "1:30", "2026-08-21", "~"])
def test_the_same_word_in_quotes_is_a_text(word: str) -> None:
    assert read(f"a: '{word}'\nb: \"{word}\"\n") == ([{"a": word, "b": word}], [])


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("false", False), ("null", None), ("", None), ("0", 0), ("-12", -12), ("1.5", 1.5),
     ("1e3", 1000.0),
     ("15m", "15m"), ("v1", "v1"), ("a:b", "a:b"), ("redis:6379", "redis:6379"), ("10.0.0.1", "10.0.0.1"), ("-", "-")],
)  # fmt: skip
def test_a_word_that_all_readers_agree_on_is_read_as_json_reads_it(word: str, value: object) -> None:
    assert not surprise(word)
    assert plain_scalar(word) == value


def test_keys_are_words_whatever_yaml_makes_of_them() -> None:
    assert read("on: 1\nyes: 2\n") == ([{"on": 1, "yes": 2}], [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2\n", "`a` is there twice; the first is on line 1."),
        ("a: &x 1\n", "`&x` marks a part to repeat."),
        ("a: *x\n", "`*x` repeats another part of the file."),
        ("<<: {a: 1}\n", "`<<` merges another part of the file."),
        ("a: !!python/object/apply:os.system [ls]\n", "asks for a special type."),
        ("a: !!str 5\n", "asks for a special type."),
        ("%YAML 1.1\n---\na: 1\n", "changes how the file is read."),
        ("? [a]\n: 1\n", "A key must be a word."),
        ("a: {b: 1\n", "This is not YAML"),
        ("a: 'x\n", "This is not YAML"),
        ("a:\n\t- b\n", "This is not YAML"),
        ("", "holds no document."),
        ("# nothing\n", "holds no document."),
        ("a: x\x00\n", "U+0000"),
        ("a: \u202ex\n", "U+202E"),
        ("a: \udcff\n", "U+DCFF"),
        ("a: x\x85b: 1\n", "U+0085"),
    ],
)
def test_what_a_policy_has_no_use_for_is_refused(text: str, says: str) -> None:
    _, faults = read(text)

    assert says in str(faults[0])


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read("\ufeffa: 1\n") == ([{"a": 1}], [])


def test_each_document_keeps_its_own_lines() -> None:
    faults: list[Fault] = []

    first, second = read_documents("f.yaml", "# about a\na: 1\n---\n# about b\nb: 2\n...\n", faults)

    assert first.text == "# about a\na: 1\n"
    assert second.text == "# about b\nb: 2\n"


_LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(_LAUGHS, id="billion laughs"),
        pytest.param("[" * 200_000, id="brackets"),
        pytest.param("{a: " * 60_000, id="braces"),
        pytest.param("a: " + "[" * 100 + "]" * 100, id="closed brackets"),
        pytest.param("".join(f"{' ' * i}a:\n" for i in range(500)), id="indents"),
        pytest.param("- " * 100_000, id="dashes"),
        pytest.param("[" + "a," * 130_000 + "]", id="values"),
        pytest.param("".join(f"k{i}: *x\n" for i in range(20_000)), id="aliases"),
        pytest.param("x" * 10_000_000, id="size"),
        pytest.param("a: " + "9" * 200_000, id="digits"),
        pytest.param("a: " + "1_" * 100_000, id="digits and underscores"),
        pytest.param("a: " + "1:" * 100_000, id="minutes"),
        pytest.param("a: " + "9" * 16_000, id="one long number"),
        pytest.param("a: 1e" + "9" * 999, id="exponent"),
        pytest.param("? " * 100_000, id="keys"),
        pytest.param("---\n" * 60_000, id="documents"),
        pytest.param("%TAG ! tag:x,2000:\n" * 10_000, id="directives"),
        pytest.param("a: \"" + "\\x41" * 60_000 + "\"", id="escapes"),
    ],
)  # fmt: skip
def test_a_bomb_is_refused_in_less_than_a_second_and_64_mib(text: str) -> None:
    tracemalloc.start()
    began = time.process_time()

    _, faults = read(text)

    took = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert faults
    assert took < 1.0
    assert peak < 64 * 1024 * 1024
