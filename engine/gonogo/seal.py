"""What exactly is proposed: canonical bytes, salted leaves, and one digest over all of it. Pure.

Canonical JSON is RFC 8785; the audience is a Merkle tree after RFC 6962, whose leaves are salted so that a digest
tells nothing about the person behind it. Made once, as the last act of the review; approving compares ids only.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import rfc8785

_CHUNK = 4096  # leaves hashed into one subtree at a time; a power of two, so that the subtrees fit the whole


def canonical(value: Any) -> bytes:
    """RFC 8785: the one way to write a JSON value."""
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """SHA-256 over canonical JSON, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def leaf(salt: bytes, body: bytes) -> str:
    """The salted leaf hash of one payload: SHA-256(0x00, salt, canonical body), in hex."""
    return hashlib.sha256(b"\x00" + salt + body).hexdigest()


def merkle_root(leaves: Iterable[str]) -> str:
    """RFC 6962 tree head over leaf hashes, read in chunks; of no leaves, the hash of nothing."""
    roots: list[bytes] = []
    chunk: list[bytes] = []
    for found in leaves:
        chunk.append(bytes.fromhex(found))
        if len(chunk) == _CHUNK:
            roots.append(_root(chunk))
            chunk = []
    if chunk:
        roots.append(_root(chunk))
    return (_root(roots) if roots else hashlib.sha256(b"").digest()).hex()


def _root(level: Sequence[bytes]) -> bytes:
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]
