"""The built front end: hashed names from vite's manifest."""

import json
from pathlib import Path

STATIC = Path(__file__).parent / "static"
ENTRY = "src/main.ts"
ICON = "src/icon.svg"


class AssetsError(RuntimeError):
    """The front end was not built. Code `page-not-built`."""

    code = "page-not-built"


class Assets:
    """Addresses of the page's script and styles. Raises AssetsError when they were not built."""

    def __init__(self, static: Path = STATIC) -> None:
        manifest = static / "manifest.json"
        try:
            files = json.loads(manifest.read_text("utf-8"))
            entry, icon = files[ENTRY], files[ICON]
        except (OSError, ValueError, KeyError) as err:
            raise AssetsError(
                f"the operators' page is not built [page-not-built]: {manifest}: {err}. "
                "Install the package again (`pip install -e .`): that builds it, or says what is missing."
            ) from None
        self.directory = static
        self.script = f"/static/{entry['file']}"
        self.icon = f"/static/{icon['file']}"
        self.styles = [f"/static/{name}" for name in entry.get("css", [])]
