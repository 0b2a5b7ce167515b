"""The mover as a process of its own: what it says, and when it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from drsync.clock import SystemClock
from drsync.repository.keyfile import new_key_file
from drsync.repository.keyring import create_repository
from drsync.stores.open import open_store
from drsync.volumes.job import (
    BackupJob,
    BackupResult,
    JobError,
    Progress,
    RestoreJob,
    RestoreResult,
    VerifyJob,
    VerifyResult,
    decode_job,
    decode_line,
    encode_job,
)
from tests.fakes.repositories import NOW
from tests.volumes.trees import digest_tree, write

WAIT_S = 60
COMMAND = [sys.executable, "-c", "import sys; from drsync.mover import main; sys.exit(main())"]
# The parent starts a mover, says its pid, and waits to be killed.
PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdin.write(open(sys.argv[1], "rb").read()); child.stdin.flush()
line = child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def site(tmp_path):
    """A file store with its key, and a volume."""
    (tmp_path / "store").mkdir()
    store = open_store(f"file://{tmp_path}/store", clock=SystemClock())
    recipient = new_key_file(str(tmp_path / "key"))
    create_repository(store, recipients=[recipient], single_key_accepted=True, now=NOW)
    for number in range(20):
        write(tmp_path / "volume", f"f{number}", os.urandom(10_000))
    (tmp_path / "target").mkdir()
    return tmp_path


def backup_job(site, **how):
    facts = {
        "store_url": f"file://{site}/store",
        "key_files": (str(site / "key"),),
        "source": "shop/data",
        "path": str(site / "volume"),
    }
    return BackupJob(**(facts | how))


def mover(job, *, close=False):
    """A whole run: exit code, lines said, what was written to standard error."""
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(job if isinstance(job, bytes) else encode_job(job))
        process.stdin.flush()
        if close:
            process.stdin.close()
        lines = [decode_line(line) for line in process.stdout]
        return process.wait(WAIT_S), lines, process.stderr.read()


@pytest.mark.slow
def test_a_volume_goes_out_and_comes_back(site):
    code, lines, noise = mover(backup_job(site))
    session = lines[-1].session
    restored = RestoreJob(
        store_url=f"file://{site}/store",
        key_files=(str(site / "key"),),
        session=session,
        path=str(site / "target"),
    )
    verified = VerifyJob(store_url=f"file://{site}/store", key_files=(str(site / "key"),), session=session)

    assert (code, noise) == (0, b"")
    assert isinstance(lines[-1], BackupResult)
    assert all(isinstance(line, Progress) for line in lines[:-1])
    assert isinstance(mover(restored)[1][-1], RestoreResult)
    assert digest_tree(site / "target") == digest_tree(site / "volume")
    checked = mover(verified)[1][-1]
    assert isinstance(checked, VerifyResult)
    assert (checked.damaged, checked.files) == ((), 20)


@pytest.mark.slow
def test_errors_are_lines_with_the_exit_code_of_their_class(site):
    new_key_file(str(site / "other"))
    cases = [
        (backup_job(site, key_files=(str(site / "other"),)), "WrongKey", 12),
        (backup_job(site, key_files=(str(site / "nowhere"),)), "UserError", 2),
        (backup_job(site, store_url=f"file://{site}/elsewhere"), "StoreUnreachable", 10),
        (backup_job(site, store_url="nonsense://x"), "UserError", 2),
        (backup_job(site, path=str(site / "nowhere")), "NotFound", 4),
        (b"this is no job\n", "UserError", 2),
        (b'{"action":"backup"}\n', "UserError", 2),
        (b'{"action":"execute","command":"id"}\n', "UserError", 2),
        (b"\n", "UserError", 2),
        (b"\xff\xfe\n", "UserError", 2),
    ]
    for job, name, exit_code in cases:
        code, lines, noise = mover(job)
        assert (code, noise) == (exit_code, b""), job
        assert isinstance(lines[-1], JobError)
        assert (lines[-1].error, lines[-1].exit_code) == (name, exit_code)
        assert lines[-1].remedy


@pytest.mark.slow
def test_an_input_that_ends_at_once_ends_the_mover(site):
    code, lines, _ = mover(b"", close=True)

    assert code == 2
    assert isinstance(lines[-1], JobError)


def big_volume(site, size):
    for number in range(size // 10_000_000):
        write(site / "volume", f"big{number}", os.urandom(10_000_000))


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition, *, wait_s=WAIT_S):
    end = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.mark.slow
def test_the_mover_stops_when_its_input_closes(site):
    big_volume(site, 100_000_000)
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(encode_job(backup_job(site, upload_mib_s=5)))
        process.stdin.flush()
        assert isinstance(decode_line(process.stdout.readline()), Progress)
        process.stdin.close()
        last = [decode_line(line) for line in process.stdout][-1]
        code = process.wait(WAIT_S)

    assert isinstance(last, JobError)
    assert (last.error, code) == ("Interrupted", 130)


@pytest.mark.slow
def test_sigterm_checkpoints_and_says_so(site):
    big_volume(site, 60_000_000)
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(encode_job(backup_job(site, upload_mib_s=10)))
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        last = [decode_line(line) for line in process.stdout][-1]
        code = process.wait(25)

    store = open_store(f"file://{site}/store", clock=SystemClock())
    assert (last.error, code) == ("Interrupted", 130)
    assert list(store.list("repo/i/"))
    assert not [info for info in store.list("repo/s/") if info.key.endswith("/end")]


@pytest.mark.slow
def test_the_mover_ends_when_its_parent_is_killed(site):
    big_volume(site, 100_000_000)
    (site / "job").write_bytes(encode_job(backup_job(site, upload_mib_s=5)))
    command = [sys.executable, "-c", PARENT, str(site / "job"), *COMMAND]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()

    wait_until(lambda: gone(pid))


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.3, 0.7])
def test_after_kill_9_at_most_one_twentieth_is_sent_again(site, moment):
    size = 240_000_000
    big_volume(site, size)
    store = open_store(f"file://{site}/store", clock=SystemClock())

    def uploaded():
        return sum(info.size_bytes for info in store.list("repo/p/"))

    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(encode_job(backup_job(site)))
        process.stdin.flush()
        wait_until(lambda: uploaded() > size * moment)
        process.kill()
    before = uploaded()
    assert not [info for info in store.list("repo/s/") if info.key.endswith("/end")]

    code, lines, _ = mover(backup_job(site))

    again = uploaded() - size - 20 * 10_000
    assert code == 0
    assert isinstance(lines[-1], BackupResult)
    assert again <= 0.05 * before


def test_the_mover_reaches_no_cluster_and_no_policy():
    code = (
        "import sys, drsync.mover; far = ('drsync.kube', 'drsync.engine', 'drsync.policy', 'kubernetes'); "
        "print([m for m in sys.modules if m.startswith(far)])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("job", [b"{}", b"[]", b"1", b'{"action":"restore"}', b'{"action":"backup","store_url":1}'])
def test_what_is_no_job_is_the_users_error(job):
    with pytest.raises(Exception, match="The input is not a job") as raised:
        decode_job(job)

    assert type(raised.value).__name__ == "UserError"
