"""nginx accepts the configuration of the page "behind-a-proxy"."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.guide_pages import blocks

NEEDS = ()
PATHS = "/usr/sbin:/usr/local/sbin:/usr/bin"  # Debian's location first
CERTIFICATE = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"]


def run(scale):
    program = shutil.which("nginx", path=PATHS)
    assert program, "nginx is missing. Install Debian's package nginx-light."
    [block] = [
        code for language, _, code in blocks("behind-a-proxy") if language == "nginx"
    ]
    with TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        subprocess.run(
            ["openssl", *CERTIFICATE, "-keyout", key, "-out", certificate],
            check=True,
            capture_output=True,
        )
        servers = block.replace("/etc/ssl/private/example.com.key", str(key))
        servers = servers.replace("/etc/ssl/certs/example.com.pem", str(certificate))
        file = Path(folder, "nginx.conf")
        file.write_text(f"pid {folder}/pid;\nevents {{}}\nhttp {{\n{servers}}}\n")
        tested = subprocess.run(
            [program, "-t", "-q", "-p", folder, "-e", "stderr", "-c", file],
            capture_output=True,
            text=True,
        )
    assert tested.returncode == 0, tested.stderr
    return ["nginx accepts the configuration"]
