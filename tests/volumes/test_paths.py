"""Names: printed so that they can be read back, and refused when they lead anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.errors import IntegrityError, UserError
from drsync.volumes.paths import check_path, is_safe_name, order_key, parse_path, print_path

NAME = st.binary(min_size=1, max_size=30).filter(is_safe_name)
PATH = st.lists(NAME, min_size=1, max_size=4).map(b"/".join)

BAD_NAMES = [b"", b".", b"..", b"a/b", b"/", b"a\0b", b"\0", b"x" * 256]
HOSTILE = [
    b"/etc/passwd",
    b"../outside",
    b"a/../../outside",
    b"a/./b",
    b"a//b",
    b"a/",
    b"/",
    b"",
    b"a/..",
    b"..",
    b".",
    b"a\0",
    b"a/\0/b",
    b"x" * 256,
    b"a/" + b"y" * 300,
    b"d/" * 9000 + b"f",
]


@given(PATH)
def test_a_printed_path_can_be_given_back(path):
    assert parse_path(print_path(path)) == path


@given(PATH)
def test_printed_paths_cannot_touch_a_terminal(path):
    assert print_path(path).isprintable()


@given(st.lists(PATH, min_size=2))
def test_the_order_puts_a_directory_just_before_what_is_in_it(paths):
    ordered = sorted({*paths, *(p + b"/x" for p in paths)}, key=order_key)

    for path in set(paths):
        at = ordered.index(path)
        inside = [p for p in ordered if p.startswith(path + b"/")]
        assert ordered[at + 1 : at + 1 + len(inside)] == inside


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused(name):
    assert not is_safe_name(name)


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_paths_of_a_manifest_are_damage(path):
    with pytest.raises(IntegrityError, match="which is no path inside a volume"):
        check_path(path)


@given(st.lists(st.sampled_from([b"..", b".", b"", b"a", b"\0", b"b/", "ü".encode()]), min_size=1).map(b"/".join))
def test_only_plain_paths_pass(path):
    plain = all(is_safe_name(name) for name in path.split(b"/"))
    try:
        check_path(path)
    except IntegrityError:
        assert not plain
    else:
        assert plain


@pytest.mark.parametrize("text", ["../x", "a/../b", "", "/", "a//b", "a\\", "a\\q", "a\\x0"])
def test_paths_that_a_person_gives_stay_inside(text):
    with pytest.raises(UserError):
        parse_path(text)


@pytest.mark.parametrize(("text", "path"), [("/a/b/", b"a/b"), ("a\\\\b", b"a\\b"), ("\\xff", b"\xff")])
def test_paths_that_a_person_gives_are_understood(text, path):
    assert parse_path(text) == path
