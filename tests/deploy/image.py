"""The image of deploy/Containerfile, built and run without a container engine.

Each instruction is carried out in a chroot of overlays over a base, so that the last layer is what the image holds
beyond it. A container of it has that as a root that nobody can write to, volumes, process numbers of its own, the user
of the image, and no capability. All of them are on one network, which is not the machine's.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

from tests.deploy.composed import containerfile, instructions, pairs
from tests.peers import require, require_root
from tests.readme import TREE
from tests.wire import processes
from tests.wire.program import until

BUILD_SECONDS = 600.0
SECONDS = 60.0
BASE = Path(os.environ.get("IMAGE_BASE", "/"))
"""What stands for the image that FROM names: this machine, or the root of a system with a `python` in it."""
PATHS = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUILT, FINAL = "build", "image"
START = """
mount -t overlay overlay -o ro,lowerdir={layer}:{base} {root}
mount -t proc proc {root}/proc
mount -t tmpfs tmpfs {root}/dev
for device in null zero full random urandom; do
    touch {root}/dev/$device
    mount --bind /dev/$device {root}/dev/$device
done
mount -o remount,ro {root}/dev
for volume in {volumes}; do
    there={root}$volume
    mount -t tmpfs -o "mode=$(stat -c %a $there),uid=$(stat -c %u $there),gid=$(stat -c %g $there)" tmpfs $there
done
exec {command}
"""
"""In namespaces of the container's own: the root with its volumes, which begin with what the image has there."""


class Image:
    """Built when it is made, in a folder that only its processes can look into. Close it."""

    def __init__(self, folder: Path) -> None:
        require_root()
        for program in ("unshare", "nsenter", "setpriv"):
            require(program)
        self.folder = folder
        self._keeper = processes.start(
            ["unshare", "--mount", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 3600"],
            stdout=subprocess.PIPE,
        )
        try:
            assert self._keeper.stdout is not None
            assert self._keeper.stdout.readline() == b"up\n"
            self._build()
        except BaseException:
            self.close()
            raise
        said = containerfile()
        self.user = said["USER"]
        self.volumes: list[str] = json.loads(said["VOLUME"])
        self.entrypoint: list[str] = json.loads(said["ENTRYPOINT"])
        self.command: list[str] = json.loads(said["CMD"])
        self.healthcheck: list[str] = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])

    def close(self) -> None:
        if self._keeper.stdout is not None:
            self._keeper.stdout.close()
        processes.stop(self._keeper, signal.SIGKILL)

    @property
    def size(self) -> int:
        """Octets in files, beyond the base."""
        layer = self.folder / f"{FINAL}.upper"
        return int(self._inside(f"du --summarize --apparent-size --block-size=1 {layer}").split()[0])

    def entering(self, *names: str) -> list[str]:
        return ["nsenter", *(f"--{name}" for name in names), "--target", str(self._keeper.pid)]

    # --- building ---

    def _build(self) -> None:
        self._inside(f"mount -t tmpfs tmpfs {self.folder}")
        self._lay("base", BASE)
        if Path("/") == BASE:
            self._make_fit(self._root("base"))
        names = iter((BUILT, FINAL))
        for what, rest in instructions():
            if what == "FROM":
                name, place = next(names), Path("/")
                environ = {"PATH": f"{sys.base_prefix}/bin:{PATHS}"}
                environ |= {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
                self._lay(name, self._root("base"))
            elif what == "WORKDIR":
                place = Path(rest)
            elif what == "ENV":
                environ |= {key: Template(value).substitute(environ) for key, value in pairs(rest).items()}
            elif what == "COPY":
                self._copy(rest.split(), Path(f"{self._root(name)}{place}"))
            elif what == "RUN":
                self._run(name, f"mkdir -p {place} && cd {place} && {rest}", environ)
        self.environ = {key: value for key, value in environ.items() if not key.startswith("PIP_")}
        self.place = place

    def _make_fit(self, root: Path) -> None:
        """This machine's python may lie where only root may look, and it may have a user of this number."""
        hidden = [f"{root}{one}" for one in Path(sys.base_prefix).parents]
        self._inside(f"chmod a+x {' '.join(hidden)}")
        self._inside(f"sed -i '/^[^:]*:[^:]*:1000:/d' {root}/etc/passwd {root}/etc/group")

    def _lay(self, name: str, below: Path) -> None:
        upper, work, root = (self.folder / f"{name}.{part}" for part in ("upper", "work", "root"))
        options = f"lowerdir={below},upperdir={upper},workdir={work}"
        self._inside(f"mkdir {upper} {work} {root}; mount -t overlay overlay -o {options} {root}")

    def _root(self, name: str) -> Path:
        return self.folder / f"{name}.root"

    def _run(self, name: str, command: str, environ: dict[str, str]) -> None:
        root, given = self._root(name), shlex.join(f"{key}={value}" for key, value in environ.items())
        script = f"chroot {root} /usr/bin/env -i {given} sh -euc {shlex.quote(command)}"
        self._inside(f"mount --bind /dev {root}/dev; {script}; umount {root}/dev")

    def _copy(self, words: list[str], place: Path) -> None:
        if words[0].startswith("--from="):
            _, here, there = words
            self._inside(f"cp -a {self._root(BUILT)}{here} {self._root(FINAL)}{there}")
            return
        *those, there = words
        for one in those:
            self._inside(f"mkdir -p {place}; cp -a {TREE / one} {place / there}")

    def _inside(self, script: str) -> str:
        """What a shell prints beside the layers, on the machine's network."""
        done = subprocess.run(
            [*self.entering("mount"), "sh", "-euc", script],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout


class Container:
    """A running one: the image's entry point with these arguments, and these variables besides its own."""

    def __init__(self, image: Image, folder: Path, *arguments: str, **environ: str) -> None:
        self.image = image
        self.environ = image.environ | environ
        self.log = folder / "log.txt"
        self._root = folder / "root"
        self._root.mkdir()
        upper, base = (f"{image.folder}/{name}" for name in (f"{FINAL}.upper", "base.root"))
        command = shlex.join(self._as_its_user([*image.entrypoint, *(arguments or image.command)]))
        volumes = " ".join(image.volumes)
        script = START.format(layer=upper, base=base, root=self._root, volumes=volumes, command=command)
        unshared = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", script]
        with self.log.open("wb") as log:
            self._process = processes.start([*image.entering("mount", "net"), *unshared], stdout=log, stderr=log)

    def _as_its_user(self, command: Sequence[str]) -> list[str]:
        user, _, group = self.image.user.partition(":")
        nothing = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        given = [f"{key}={value}" for key, value in self.environ.items()]
        there = f'cd {self.image.place} && exec "$@"'
        return [
            *("chroot", str(self._root), "/usr/bin/env", "-i", *given),
            *("setpriv", f"--reuid={user}", f"--regid={group}", *nothing),
            *("sh", "-c", there, "sh", *command),
        ]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A second process inside, as `exec` of a container engine starts it."""
        enter = ["nsenter", "--mount", "--pid", "--net", "--target", self.first]
        return subprocess.run(
            [*enter, *self._as_its_user(command)], capture_output=True, text=True, timeout=SECONDS, check=False
        )

    @property
    def first(self) -> str:
        """Out here, the number of the process that is the first one inside."""
        assert self._process.poll() is None, self.output()
        outer = self._process.pid
        children = Path(f"/proc/{outer}/task/{outer}/children")
        return until(lambda: children.read_text().strip(), SECONDS, "its first process")

    @property
    def is_healthy(self) -> bool:
        """As the image's health check asks."""
        return self.run(*self.image.healthcheck).returncode == 0

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """Its exit code, after the signal that container engines send."""
        if self._process.poll() is None:
            os.kill(int(self.first), signal.SIGTERM)
        return self._process.wait(SECONDS)

    def kill(self) -> None:
        processes.stop(self._process, signal.SIGKILL)
