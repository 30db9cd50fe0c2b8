"""Stored passwords: plain, ``{SHA}``, ``{scrypt}``; made, checked, compared; must never know who gives them.

A stored password is what stands in a configuration file:

* anything else than the two below: the password itself;
* ``{SHA}`` and 40 lower-case hex digits: its SHA-1, as Supervisor has it (unsalted: better than plain against
  a glance over the shoulder, and no more);
* ``{scrypt}ln=15,r=8,p=3$SALT$HASH``: scrypt with N = 2**ln; salt and hash in URL-safe base64 without padding.

Comparisons are over bytes and take the same time wherever the first difference is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from typing import Final

DEFAULT_LN: Final = 15
DEFAULT_R: Final = 8
DEFAULT_P: Final = 3
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
MEMORY_MAX_BYTES: Final = 256 << 20

_SHA: Final = "{SHA}"
_SCRYPT: Final = "{scrypt}"
_FORM = re.compile(
    r"ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9_-]{8,128})\$([A-Za-z0-9_-]{16,128})"
)


@dataclass(frozen=True, slots=True)
class _Scrypt:
    ln: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def matches(self, given: bytes) -> bool:
        made = _scrypt(given, self.salt, self.ln, self.r, self.p, len(self.digest))
        # HMAC, inside scrypt, fills up with NUL: a password with one at its end would be the one without
        return hmac.compare_digest(made, self.digest) and b"\0" not in given


def check_stored(stored: str) -> None:
    """Raises ValueError with the reason when a stored password is of a known kind and cannot be used."""
    if stored.startswith(_SCRYPT):
        _parse(stored)
    elif stored.startswith(_SHA) and not re.fullmatch(r"[0-9a-f]{40}", stored[len(_SHA) :]):
        raise ValueError("behind {SHA} 40 lower-case hex digits are expected")


def is_slow(stored: str) -> bool:
    """Whether a check takes so long (about half a second) that it belongs into a thread."""
    return stored.startswith(_SCRYPT)


def matches(stored: str, given: bytes) -> bool:
    """Whether ``given`` is the password; a stored one that cannot be used matches nothing."""
    if stored.startswith(_SCRYPT):
        try:
            return _parse(stored).matches(given)
        except ValueError:
            return False
    if stored.startswith(_SHA):
        return hmac.compare_digest(stored[len(_SHA) :].encode("utf-8", "surrogateescape"), _sha1(given))
    return hmac.compare_digest(stored.encode("utf-8", "surrogateescape"), given)


def hash_password(password: bytes, ln: int = DEFAULT_LN, r: int = DEFAULT_R, p: int = DEFAULT_P) -> str:
    """The ``{scrypt}`` form of a password, with a new salt."""
    salt = os.urandom(SALT_BYTES)
    digest = _scrypt(password, salt, ln, r, p, HASH_BYTES)
    return f"{_SCRYPT}ln={ln},r={r},p={p}${_packed(salt)}${_packed(digest)}"


def _parse(stored: str) -> _Scrypt:
    match = _FORM.fullmatch(stored[len(_SCRYPT) :])
    if match is None:
        raise ValueError("behind {scrypt} comes ln=N,r=N,p=N$SALT$HASH; supervisorctl hash-password makes it")
    ln, r, p = int(match[1]), int(match[2]), int(match[3])
    if not (1 <= ln <= 24 and r >= 1 and p >= 1) or _memory(ln, r, p) > MEMORY_MAX_BYTES:
        raise ValueError("the parameters of this scrypt hash are out of range")
    try:
        return _Scrypt(ln, r, p, _unpacked(match[4]), _unpacked(match[5]))
    except binascii.Error:
        raise ValueError("salt or hash of this scrypt hash is no base64") from None


def _memory(ln: int, r: int, p: int) -> int:
    """What OpenSSL counts against ``maxmem``, with a little room."""
    return 128 * r * ((1 << ln) + p + 2) + 4096


def _scrypt(password: bytes, salt: bytes, ln: int, r: int, p: int, length: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=1 << ln, r=r, p=p, maxmem=_memory(ln, r, p), dklen=length)


def _sha1(given: bytes) -> bytes:
    return hashlib.sha1(given, usedforsecurity=False).hexdigest().encode()


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
