"""`python -m gateway.dashboards`: write the dashboards' JSON beside this file."""

import json
from pathlib import Path
from typing import get_args

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from gateway.dashboards import city, health
from gateway.dashboards.parts import Language, drop

HERE = Path(__file__).parent


def files() -> dict[str, str]:
    """Every file's text by its path below this folder."""
    made = {}
    for language in get_args(Language):
        for name, build in (("city", city.overview), ("device", city.device), ("gateway", health.gateway)):
            found = json.loads(JSONEncoder().encode(build(language).build()))
            made[f"{language}/{name}.json"] = json.dumps(drop(found), indent=1, ensure_ascii=False) + "\n"
    return made


def main() -> None:
    """Write them."""
    for name, text in files().items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
