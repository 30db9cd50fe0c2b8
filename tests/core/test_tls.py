"""TLS files: what is wrong with them is told, nothing is asked on the terminal, verification cannot be lost."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.config.model import InetServerConfig, StreamServerConfig, decode, encode
from supervisor.errors import UserError
from supervisor.tls import NO_FILES, TlsFiles, client_context, server_context
from tests.core.config_files import MAIN, ctl, errors, load
from tests.support.certificates import Authority


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def cert(ca: Authority) -> Path:
    return ca.issue("server", "DNS:localhost")


def test_a_client_always_verifies(ca: Authority, cert: Path) -> None:
    for files in (NO_FILES, TlsFiles(str(ca.file)), TlsFiles(certfile=str(cert))):
        context = client_context(files)
        assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(client_context(TlsFiles(str(ca.file))).get_ca_certs()) == 1, "who names a CA believes no other"


def test_a_server_asks_for_certificates_where_it_has_a_ca(ca: Authority, cert: Path) -> None:
    plain = server_context(TlsFiles(certfile=str(cert)))
    assert plain.verify_mode is ssl.CERT_NONE and plain.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert server_context(TlsFiles(str(ca.file), str(cert))).verify_mode is ssl.CERT_REQUIRED


def test_what_is_wrong_with_files(ca: Authority, cert: Path, tmp_path: Path) -> None:
    other = ca.issue("other")
    key = cert.with_suffix(".key")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", str(key), "-aes128", "-passout", "pass:geheim", "-out", str(locked)],
        check=True,
    )
    text = tmp_path / "text"
    text.write_text("no certificate\n")
    crt = cert.with_suffix(".crt")
    for files, problem in (
        (TlsFiles(certfile="/nowhere"), "certfile /nowhere: no such file or directory"),
        (TlsFiles(certfile=str(crt), keyfile="/nowhere"), "keyfile /nowhere: no such file or directory"),
        (TlsFiles(certfile=str(text)), f"certfile {text}: no certificate and its key in PEM"),
        (TlsFiles(certfile=str(crt)), f"certfile {crt}: no certificate and its key in PEM"),
        (
            TlsFiles(certfile=str(crt), keyfile=str(other)),
            f"keyfile {other}: is not the key of certfile {crt}",
        ),
        (
            TlsFiles(certfile=str(crt), keyfile=str(locked)),
            f"keyfile {locked}: is encrypted; openssl pkey takes the pass phrase off",
        ),
        (TlsFiles(str(text), str(cert)), f"cafile {text}: no certificates in it"),
        (TlsFiles("/nowhere", str(cert)), "cafile /nowhere: no such file or directory"),
    ):
        for make in (server_context, client_context):
            with pytest.raises(UserError) as caught:
                make(files)
            assert str(caught.value) == problem
    with pytest.raises(UserError, match="keyfile /k: certfile is missing"):
        client_context(TlsFiles(keyfile="/k"))


def test_the_configuration_of_a_server(ca: Authority, cert: Path) -> None:
    login = f"username=a\npassword=b\ncertfile={cert}\n"
    configuration = load(
        f"[supervisord]\n[inet_http_server]\nport=*:1\n{login}[inet_stream_server]\nport=*:2\n{login}"
        f"[inet_http_server:known]\nport=*:3\ncertfile={cert}\ncafile={ca.file}\n"
    )
    files = TlsFiles(certfile=str(cert))
    with_login, known = configuration.inet_servers
    assert with_login.tls == configuration.stream_servers[0].tls == files
    assert known.host == "" and not known.narrowed, "a certificate is as good as a login"
    for server in (with_login, known):
        assert decode(InetServerConfig, encode(server)) == server
    assert decode(StreamServerConfig, {"section": "x"}).tls is None, "as an older version wrote it"


@pytest.mark.parametrize(
    ("lines", "line", "option", "reason"),
    [
        (
            "certfile=/nowhere",
            4,
            "certfile",
            "cannot speak TLS: certfile /nowhere: no such file or directory",
        ),
        ("cafile=/x", 4, "cafile", "cannot speak TLS: cafile without certfile"),
        ("keyfile=/x", 4, "keyfile", "cannot speak TLS: keyfile without certfile"),
    ],
)
def test_mistakes_have_file_and_line(lines: str, line: int, option: str, reason: str) -> None:
    (problem,) = errors(f"[supervisord]\n[inet_http_server]\nport=1\n{lines}\n")
    assert problem == f"{MAIN}:{line}: [inet_http_server] {option}: {reason}"


def test_the_configuration_of_a_client() -> None:
    config = ctl(
        "[supervisorctl]\nserverurl=https://h\ncafile=ca.pem\ncertfile=~/me.pem\n"
        "[supervisortui:x]\nserverurl=https://x\ncafile=/x.pem\n"
    )
    assert config.tls.cafile.endswith("/ca.pem") and config.tls.cafile.startswith("/")
    assert config.tls.certfile.endswith("/me.pem") and "~" not in config.tls.certfile
    assert config.consoles[0].tls == TlsFiles("/x.pem")


def test_a_command_without_tls_does_not_pay_for_it() -> None:
    code = "import sys, supervisor.supervisorctl; sys.exit('ssl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
