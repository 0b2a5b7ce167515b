"""resources/labels.py: selectors as kubectl reads them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.errors import UserError
from drsync.model.policy import LabelRequirement
from drsync.resources.labels import matches, parse_selector, print_selector, selector_of

LABELS = {"app": "shop", "tier": "web", "example.com/owner": "ada"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app=shop",
        "app==shop",
        "app = shop , tier=web",
        "app!=old",
        "missing!=x",
        "app in (shop,other)",
        "tier in (web)",
        "tier notin (db, cache)",
        "missing notin (x)",
        "app",
        "!missing",
        "example.com/owner=ada",
        "app in (shop),!missing,tier",
    ],
)
def test_selects(text: str) -> None:
    assert matches(parse_selector(text), LABELS)


@pytest.mark.parametrize(
    "text",
    ["app=old", "app!=shop", "app in (a,b)", "app notin (shop)", "missing", "!app", "missing=", "app=shop,!tier"],
)
def test_does_not_select(text: str) -> None:
    assert not matches(parse_selector(text), LABELS)


def test_an_empty_value_is_a_value() -> None:
    assert matches(parse_selector("flag="), {"flag": ""})


@pytest.mark.parametrize(
    "text",
    [
        ",",
        "a=b,",
        "=b",
        "a=b=c",
        "a=b c",
        "a in x",
        "a in (x",
        "a in (x))",
        "!",
        "!a=b",
        "a>1",
        "a<1",
        "-a",
        "a/b/c=d",
        "A.example.com/x=y",
        f"{'a' * 64}=b",
        f"a={'b' * 64}",
        "a=Ü",
        "a" * 5000,
        "a\n=b\x00",
    ],
)
def test_refuses_what_kubectl_refuses(text: str) -> None:
    with pytest.raises(UserError, match="label selector"):
        parse_selector(text)


def test_reads_match_labels_and_expressions() -> None:
    structure = {
        "matchLabels": {"app": "shop"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["web", "db"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }

    assert selector_of(structure) == parse_selector("app=shop,tier in (web,db),!old")


@pytest.mark.parametrize(
    "structure",
    [
        {"matchLabels": []},
        {"matchLabels": {"a": 1}},
        {"matchExpressions": {}},
        {"matchExpressions": ["a"]},
        {"matchExpressions": [{"key": "a", "operator": "Near", "values": ["b"]}]},
        {"matchExpressions": [{"key": "a", "operator": "In"}]},
        {"matchExpressions": [{"key": "a", "operator": "In", "values": "b"}]},
        {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
        {"matchExpressions": [{"operator": "Exists"}]},
    ],
)
def test_refuses_a_broken_structure(structure: dict[str, object]) -> None:
    with pytest.raises(UserError):
        selector_of(structure)


keys = st.from_regex(r"([a-z]([a-z0-9-]{0,8}[a-z0-9])?/)?[A-Za-z]([\w.-]{0,8}[A-Za-z0-9])?", fullmatch=True).filter(
    str.isascii
)
values = st.from_regex(r"([A-Za-z0-9]([\w.-]{0,8}[A-Za-z0-9])?)?", fullmatch=True).filter(str.isascii)
requirements = st.one_of(
    st.builds(
        LabelRequirement,
        key=keys,
        operator=st.sampled_from(["In", "NotIn"]),
        values=st.lists(values, min_size=1, max_size=3).map(tuple),
    ),
    st.builds(LabelRequirement, key=keys, operator=st.sampled_from(["Exists", "DoesNotExist"])),
)


@given(st.lists(requirements, max_size=4).map(tuple))
def test_printed_selectors_are_read_back(selector: tuple[LabelRequirement, ...]) -> None:
    assert parse_selector(print_selector(selector)) == selector


@given(st.text(alphabet="ab1.,/=!() in-_>", max_size=30) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UserError):
        assert parse_selector(print_selector(parse_selector(text))) == parse_selector(text)
