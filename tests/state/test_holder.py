"""A process is called gone only when that is certain."""

import os
import subprocess
from dataclasses import replace

import pytest

from drsync.state.holder import _stat, is_gone, this_holder

GONE_PID = 2**31 - 1


def here(run="run-1", **changes):
    return replace(this_holder(run, "site-1"), **changes)


def test_this_process_is_not_gone():
    assert not is_gone(here(), seen_by=here())


def test_a_pid_that_was_given_to_another_process_is_gone():
    assert is_gone(here(pid_started=1), seen_by=here())


def test_a_process_that_only_waits_for_its_parent_is_gone():
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    started = _stat(child.pid)[1]

    try:
        assert is_gone(here(pid=child.pid, pid_started=started), seen_by=here())
    finally:
        child.wait()


@pytest.mark.parametrize("change", [{"host": "x"}, {"boot_id": "x"}, {"pid_space": "x"}])
def test_nothing_is_concluded_about_another_place(change):
    assert not is_gone(here(pid=GONE_PID, **change), seen_by=here())


def test_a_host_without_a_boot_id_concludes_nothing():
    assert not is_gone(here(pid=GONE_PID, boot_id=""), seen_by=here(boot_id=""))


def test_names_that_no_terminal_should_see_are_made_printable():
    holder = this_holder("run\x1b[2J", "sité" * 100)

    assert holder.run == "run?[2J"
    assert len(holder.site) == 200
    assert holder.site.isascii()
