"""TLS: the files it needs, contexts made of them, and its failures as one line; must never know sockets or what passes.

Certificates are always verified: there is no option that switches it off. A CA of
one's own is named with ``cafile``, which then is the only one believed; without it,
those of the system count (and what ``SSL_CERT_FILE`` names, as everywhere).

``ssl`` is imported when it is needed: it costs a one-shot command without TLS a fifth
of its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .errors import UserError

if TYPE_CHECKING:
    import ssl

HANDSHAKE_S: Final = 10.0

_EXPIRED: Final = 10
_NOT_YET: Final = 9
_UNKNOWN_CA: Final = frozenset((2, 18, 19, 20, 21))
_WRONG_NAME: Final = frozenset((62, 64))


class TlsFiles(NamedTuple):
    """PEM files. ``cafile``: who is believed; the other two: who we are. Empty: none."""

    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""


NO_FILES: Final = TlsFiles()
"""The CAs of the system, and no certificate of ours."""


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer; the server's name and certificate are verified. Raises UserError."""
    import ssl

    try:
        context = ssl.create_default_context(cafile=files.cafile or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # some builds leave it to a file of the system's
    except OSError as error:
        raise UserError(f"cafile {files.cafile}: {_unusable(error, 'no certificates in it')}") from error
    if files.certfile:
        _load_own(context, files)
    elif files.keyfile:
        raise UserError(f"keyfile {files.keyfile}: certfile is missing")
    return context


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer; with ``cafile``, clients must have a certificate of it. Raises UserError."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    _load_own(context, files)
    if files.cafile:
        try:
            context.load_verify_locations(files.cafile)
        except OSError as error:
            raise UserError(f"cafile {files.cafile}: {_unusable(error, 'no certificates in it')}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_own(context: ssl.SSLContext, files: TlsFiles) -> None:
    asked = False

    def password() -> str:
        nonlocal asked
        asked = True  # else OpenSSL would ask on the terminal
        return ""

    where = f"keyfile {files.keyfile}" if files.keyfile else f"certfile {files.certfile}"
    for option, file in (("certfile", files.certfile), ("keyfile", files.keyfile)):
        try:
            if file:
                open(file, "rb").close()
        except OSError as error:
            raise UserError(f"{option} {file}: {_unusable(error, '')}") from error
    try:
        context.load_cert_chain(files.certfile, files.keyfile or None, password)
    except (OSError, ValueError) as error:
        if asked:
            raise UserError(f"{where}: is encrypted; openssl pkey takes the pass phrase off") from error
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            raise UserError(f"{where}: is not the key of certfile {files.certfile}") from error
        also = f" and {where}" if files.keyfile else ""
        raise UserError(f"certfile {files.certfile}{also}: no certificate and its key in PEM") from error


def _unusable(error: OSError, otherwise: str) -> str:
    import ssl

    if isinstance(error, ssl.SSLError):
        return otherwise
    return (error.strerror or str(error)).lower()


def trouble(error: Exception) -> str:
    """What a failure of TLS means and what to do; empty for one that is not of TLS."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return _not_verified(error)
    if not isinstance(error, ssl.SSLError):
        return ""
    reason = (error.reason or "").upper()
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return "the server speaks no TLS there: http:// instead of https://?"
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return "the server asks for a certificate of ours: set certfile and keyfile"
    if "ALERT" in reason and ("UNKNOWN_CA" in reason or "CERTIFICATE" in reason):
        return "the server does not take our certificate: certfile is to be signed by its CA, and not expired"
    if isinstance(error, ssl.SSLEOFError):
        return "the server closed the connection"
    return f"TLS: {reason.replace('_', ' ').lower() or error}"


def closed(files: TlsFiles | None, secure: str) -> str:
    """What it may mean that a server closes a new connection without a word: so do many that ask for certificates.

    ``files``: what we spoke TLS with, None where we spoke none. ``secure``: how a URL begins that asks for it.
    """
    if files is None:
        return f"the server closed the connection: where it speaks TLS, the address begins with {secure}"
    if files.certfile:
        return "the server closed the connection: it may not take our certificate (certfile)"
    return "the server closed the connection: it may ask for a certificate of ours (certfile and keyfile)"


def _not_verified(error: ssl.SSLCertVerificationError) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return "the server's certificate has expired: renew it there"
    if code == _NOT_YET:
        return "the server's certificate is not valid yet: compare the clocks"
    if code in _UNKNOWN_CA:
        return "the server's certificate is signed by nobody known here: name its CA with cafile"
    if code in _WRONG_NAME:
        return f"the server's certificate is for another name: {error.verify_message.rstrip('.').lower()}"
    return f"the server's certificate is not valid: {error.verify_message}"
