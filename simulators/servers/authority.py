"""A certificate authority for tests, by the `openssl` program: P-256, certificates of any dates."""

import base64
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from simulators.servers.errors import ServerError

_CONFIG = """\
[ca]
default_ca = here
[here]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[v3_ca]
basicConstraints = critical, CA:true
"""
_FROM, _TO = datetime(2024, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)


class Authority:
    """Its own key and certificate in a folder, and those that it issues beside them (`<name>.pem`,
    `<name>.key`)."""

    def __init__(self, directory: Path) -> None:
        """Made anew. Raises `ServerError` (`no-program`, `openssl-failed`)."""
        self.directory = directory
        directory.mkdir(parents=True)
        (directory / "openssl.cnf").write_text(_CONFIG)
        (directory / "index.txt").write_text("")
        (directory / "serial").write_text("01\n")
        self._key("ca")
        self._run(
            "req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-days", "9000", "-subj", "/CN=ca"
        )
        self.certificate = directory / "ca.pem"

    def issue(
        self, name: str, *, host: str = "", start: datetime = _FROM, end: datetime = _TO
    ) -> tuple[Path, Path]:
        """(certificate, key) for a device, or with `host` for a server of that name. Valid in that time."""
        self._key(name)
        extra = ["-addext", f"subjectAltName=DNS:{host}"] if host else []
        self._run("req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", *extra)
        dates = ["-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"]
        ours = ["-cert", "ca.pem", "-keyfile", "ca.key", "-config", "openssl.cnf"]
        self._run("ca", "-batch", "-notext", *ours, "-in", f"{name}.csr", "-out", f"{name}.pem", *dates)
        return self.directory / f"{name}.pem", self.directory / f"{name}.key"

    def credentials(self, name: str) -> dict[str, str]:
        """The device's setting `tls`: this authority, its certificate and key, as base64 of DER."""
        self._run("pkey", "-in", f"{name}.key", "-out", f"{name}.key.der", "-outform", "DER")
        for stem in ("ca", name):
            self._run("x509", "-in", f"{stem}.pem", "-out", f"{stem}.der", "-outform", "DER")
        files = {"ca": "ca.der", "cert": f"{name}.der", "key": f"{name}.key.der"}
        return {
            part: base64.b64encode((self.directory / file).read_bytes()).decode()
            for part, file in files.items()
        }

    def _key(self, name: str) -> None:
        self._run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")

    def _run(self, *arguments: str) -> None:
        try:
            done = subprocess.run(
                ["openssl", *arguments],
                cwd=self.directory,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        except FileNotFoundError:
            raise ServerError("no-program", "There is no `openssl`; install Debian's package.") from None
        if done.returncode:
            raise ServerError("openssl-failed", f"openssl {' '.join(arguments)}: {done.stderr.strip()}")
