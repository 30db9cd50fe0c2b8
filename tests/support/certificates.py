"""A CA of our own and certificates of it, made by ``openssl``."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """``file``: its certificate, what clients name as ``cafile``."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = name
        self.file = folder / f"{name}.pem"
        _openssl(
            folder,
            "req",
            "-x509",
            *_KEY,
            "-keyout",
            f"{name}.key",
            "-out",
            self.file.name,
            "-subj",
            f"/CN={name}",
        )

    def issue(self, name: str, *subjects: str, days: int = 2) -> Path:
        """One PEM file with a certificate for ``DNS:…`` or ``IP:…`` and its key; negative ``days``: expired."""
        folder = self._folder
        key, request, made = (folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        _openssl(folder, "req", *_KEY, "-keyout", key.name, "-out", request.name, "-subj", f"/CN={name}")
        names = folder / f"{name}.names"
        names.write_text(f"subjectAltName={','.join(subjects)}\n" if subjects else "")
        _openssl(
            folder, "x509", "-req", "-in", request.name, "-CA", self.file.name, "-CAkey", f"{self._name}.key",
            "-CAcreateserial", "-days", str(days), "-extfile", names.name, "-out", made.name,
        )  # fmt: skip
        both = folder / f"{name}.pem"
        both.write_text(made.read_text() + key.read_text())
        return both


def _openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
