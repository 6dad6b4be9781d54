"""`make release`: all that a release hands out, made in dist/ of the commit that is checked out. Nothing is uploaded.

Owns what a release consists of and what keeps a checkout from being one. The same commit gives the same bytes. With
`--tag` the commit gets its tag as well. Knows no package index to send to: docs/api.md says how to install the client.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bill_of_materials import bill_of, images

ROOT = Path(__file__).parents[1]
VERSION = re.compile(r'^VERSION = "(.+)"$', re.MULTILINE)


class NotARelease(Exception):
    """One line: what is in the way."""


def git(root: Path, *arguments: str) -> str:
    return subprocess.check_output(["git", "-C", str(root), *arguments], text=True).strip()


def section_of(changelog: str, heading: str) -> str | None:
    """What stands below `## heading`, up to the next; None where there is no such heading."""
    found = re.search(rf"^## {re.escape(heading)}(?: - \S+)?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else None


def tagged(root: Path, tag: str) -> str:
    """The commit of a tag; empty where there is none."""
    found = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "-q", "--verify", f"refs/tags/{tag}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip()


def notes_of(root: Path, version: str) -> str:
    """The release notes, once the checkout is fit to be this version. Raises NotARelease."""
    if changed := git(root, "status", "--porcelain"):
        raise NotARelease(f"the tree is not clean: {len(changed.splitlines())} files differ from the last commit")
    notes = section_of((root / "CHANGELOG.md").read_text(), version)
    if not notes:
        raise NotARelease(f"CHANGELOG.md has no section for {version}, the version of client/scriptqueue/version.py")
    if (commit := tagged(root, f"v{version}")) and commit != git(root, "rev-parse", "HEAD"):
        raise NotARelease(f"the tag v{version} is of another commit, {commit[:12]}")
    return f"# scriptqueue {version}\n\n{notes}\n"


def checkout_of(root: Path, folder: Path) -> Path:
    """What the commit holds, without what only git or an earlier build left in the folder."""
    archive = subprocess.check_output(["git", "-C", str(root), "archive", "HEAD"])
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def without_times(sdist: Path, epoch_s: int) -> None:
    """Writes an sdist anew: setuptools gives the files that it makes the time of day and the user's name."""
    with tarfile.open(sdist) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers()]
        with tempfile.TemporaryFile() as raw:
            with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as plain:
                for member, contents in sorted(members, key=lambda pair: pair[0].name):
                    member.mtime, member.uid, member.gid, member.uname, member.gname = epoch_s, 0, 0, "", ""
                    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                    member.pax_headers = {}
                    plain.addfile(member, contents)
            raw.seek(0)
            whole = raw.read()
    sdist.write_bytes(gzip.compress(whole, mtime=epoch_s))


def packages(source: Path, into: Path, epoch_s: int) -> None:
    """Wheel and sdist of server and client, the wheel made of the sdist, in the pinned version of the build's tool."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch_s)}
    command = [sys.executable, "-m", "uv", "build", "-q", "--no-create-gitignore", "-o", str(into)]
    for folder in (source, source / "client"):
        constraints = ("--build-constraints", str(source / "constraints.txt"))
        subprocess.run([*command, *constraints, str(folder)], env=environment, check=True)
    for sdist in into.glob("*.tar.gz"):
        without_times(sdist, epoch_s)


def release(root: Path, into: Path) -> str:
    """Makes everything in the folder `into`, which is emptied first; the version. Raises NotARelease."""
    version: str = VERSION.findall((root / "client" / "scriptqueue" / "version.py").read_text())[0]
    notes = notes_of(root, version)
    epoch_s = int(os.environ.get("SOURCE_DATE_EPOCH") or git(root, "log", "-1", "--format=%ct"))
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        source = checkout_of(root, Path(folder))
        wanted = images(source)
        with ThreadPoolExecutor() as threads:  # an index's answers are what takes the time
            built = threads.submit(packages, source, into, epoch_s)
            bills = threads.map(lambda image: bill_of(image, source, version=version, epoch_s=epoch_s), wanted)
            for image, bill in zip(wanted, bills, strict=True):
                (into / f"scriptqueue-{version}-{image.name}.cdx.json").write_text(bill)
            built.result()
    (into / f"scriptqueue-{version}-notes.md").write_text(notes)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(into.iterdir())]
    (into / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    return version


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="make release", description="makes dist/ of the commit that is checked out")
    parser.add_argument("--tag", action="store_true", help="tag the commit as well; nothing is pushed")
    tag = parser.parse_args(arguments).tag
    os.umask(0o022)  # modes of files are part of an archive
    unreleased = section_of((root / "CHANGELOG.md").read_text(), "Unreleased")
    try:
        if tag and unreleased:
            raise NotARelease("CHANGELOG.md has entries under Unreleased: give them a version and its date")
        version = release(root, root / "dist")
    except NotARelease as stopped:
        print(f"make release: {stopped}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as stopped:  # which has written why above
        print(f"make release: `{' '.join(stopped.cmd[:5])} ...` ended with {stopped.returncode}", file=sys.stderr)
        return 1
    if tag and not tagged(root, f"v{version}"):
        git(root, "tag", "-m", f"scriptqueue {version}", f"v{version}")
    print((root / "dist" / "SHA256SUMS").read_text(), end="")
    if unreleased:
        print("only tried: CHANGELOG.md has entries under Unreleased, which no version's notes tell", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
