"""The seal: canonical bytes, the Merkle tree of RFC 6962, and a digest that changes with what is proposed, and only
with that."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from whenever import TimeDelta

from gonogo import policy
from gonogo.models import Document
from gonogo.proposal import Proposal, seal_of
from gonogo.review import Finding
from gonogo.seal import canonical, digest, leaf, merkle_root
from gonogo.store.cases import Case
from support.audit import tree_head
from support.engine import NOW, asking

# The test vectors of Certificate Transparency (RFC 6962): the inputs, and the tree head over the first of them.
INPUTS = (
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
)
HEADS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


# The tree


@pytest.mark.parametrize("size", range(1, 9))
def test_the_tree_heads_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle_root(leaf(b"", each) for each in INPUTS[:size]) == HEADS[size - 1]


def test_the_head_of_no_leaves_is_the_hash_of_nothing() -> None:
    assert merkle_root([]) == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("size", [*range(71), 4095, 4096, 4097, 8191, 8192, 8193, 12_288, 12_289, 20_481])
def test_reading_in_chunks_gives_the_head_of_the_whole_tree(size: int) -> None:
    leaves = [hashlib.sha256(b"%d" % n).digest() for n in range(size)]
    assert merkle_root(one.hex() for one in leaves) == tree_head(leaves).hex()


@given(st.lists(st.binary(max_size=4), min_size=2, max_size=40), st.data())
def test_a_leaf_changed_added_taken_or_moved_changes_the_head(bodies: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf(b"salt", b"%d" % n + body) for n, body in enumerate(bodies)]
    at = data.draw(st.integers(0, len(leaves) - 2))
    other = leaf(b"salt", b"other")
    changed = [*leaves[:at], other, *leaves[at + 1 :]]
    moved = [*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]]
    heads = {merkle_root(some) for some in (leaves, changed, moved, [*leaves, other], leaves[:-1])}
    assert len(heads) == 5


def test_a_leaf_can_not_pass_for_a_node_nor_a_body_for_a_salt() -> None:
    a, b = leaf(b"s", b"a"), leaf(b"s", b"b")
    assert leaf(b"", bytes.fromhex(a) + bytes.fromhex(b)) != merkle_root([a, b])
    assert leaf(b"salt", b"body") == hashlib.sha256(b"\x00saltbody").hexdigest()


# Canonical JSON


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
        (
            {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7},
            '{"\\r":2,"1":4,"\x80":6,"\xf6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}',
        ),
        ('\u20ac$\x0f\nA\'B"\\\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ([333333333.33333329, 1e30, 4.5, 2e-3, 1e-27, -0.0], "[333333333.3333333,1e+30,4.5,0.002,1e-27,0]"),
        ([0, -1, 2**53 - 1, 10.0, 1e21], "[0,-1,9007199254740991,10,1e+21]"),
        ("e\u0301", '"e\u0301"'),  # nothing is normalised
    ],
    ids=["objects", "order of keys", "text", "fractions", "whole numbers", "accents"],
)
def test_canonical_json_is_that_of_rfc_8785(value: Any, written: str) -> None:
    assert canonical(value) == written.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {1: "a"}, b"bytes", {"a"}])
def test_what_json_can_not_say_in_one_way_has_no_digest(value: Any) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        digest({"value": value})


_TEXT = st.text(st.characters(codec="utf-8"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner),
    max_leaves=10,
)


@given(st.dictionaries(_TEXT, _JSON))
def test_the_order_of_keys_does_not_change_a_digest(value: Document) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


# The seal of a run


def _case(**values: object) -> Case:
    plain: Document = dict.fromkeys(Case.__slots__)
    return Case(**{**plain, "id": "c", "workspace": "w", "channel": "email", "name": "Spring", **values})


def _ruled(document: Document) -> policy.Ruling:
    return policy.rule_on(policy.parse(document), policy.Question(3))


def _with(**values: Any) -> Proposal:
    return replace(PROPOSAL, **values)


def _asked(document: Document) -> Proposal:
    return _with(ruling=_ruled(document))


def _renamed(document: Document) -> Document:
    return {**document, "rules": [{**document["rules"][0], "name": "another name"}]}


PROPOSAL = Proposal(
    content_id="v1",
    sender_id="v2",
    settings_id="v3",
    digests={"content": "c0", "sender": "5e", "settings": "5f"},
    recipients=3,
    chain=3,
    steps=1,
    findings=(),
    ruling=_ruled(asking(2)),
    asked=policy.Question(3),
    frozen=None,
    hidden=None,
    start_at=NOW,
    importing=False,
    in_flight=0,
)
ROOT, OTHER_ROOT = (merkle_root([leaf(b"s", body)]) for body in (b"a", b"b"))
SEAL = seal_of(_case(), 1, PROPOSAL, ROOT)

SEALED = {
    "campaign": (_case(id="d"), 1, PROPOSAL, ROOT),
    "workspace": (_case(workspace="v"), 1, PROPOSAL, ROOT),
    "channel": (_case(channel="sms"), 1, PROPOSAL, ROOT),
    "run": (_case(), 2, PROPOSAL, ROOT),
    "audience": (_case(), 1, PROPOSAL, OTHER_ROOT),
    "size of the audience": (_case(), 1, _with(recipients=4), ROOT),
    "content": (_case(), 1, _with(digests={**PROPOSAL.digests, "content": "00"}), ROOT),
    "sender": (_case(), 1, _with(digests={**PROPOSAL.digests, "sender": "00"}), ROOT),
    "settings": (_case(), 1, _with(digests={**PROPOSAL.digests, "settings": "00"}), ROOT),
    "what is content, what settings": (
        _case(), 1, _with(digests={"content": "5f", "sender": "5e", "settings": "c0"}), ROOT
    ),
    "start": (_case(), 1, _with(start_at=NOW + TimeDelta(microseconds=1)), ROOT),
    "no start": (_case(), 1, _with(start_at=None), ROOT),
    "quorum": (_case(), 1, _asked(asking(1)), ROOT),
    "group": (_case(), 1, _asked(asking(2, group="owners")), ROOT),
    "separation": (_case(), 1, _asked(asking(2, separation="requester")), ROOT),
    "acknowledgement": (_case(), 1, _asked(asking(2, acknowledge="explicit")), ROOT),
    "dismissals": (_case(), 1, _asked(asking(2, dismissals=2)), ROOT),
    "deadline": (_case(), 1, _asked(asking(2, expires_after="PT1H")), ROOT),
    "nobody asked": (_case(), 1, _asked({"approval": "off", "reason": "a test"}), ROOT),
}  # fmt: skip

NOT_SEALED = {
    "name and state": (_case(name="Summer", extra={"a": 1}, revision=7, state="paused"), 1, PROPOSAL, ROOT),
    "version of the policy": (_case(policy=9), 1, PROPOSAL, ROOT),
    "name of the rule": (_case(), 1, _asked(_renamed(asking(2))), ROOT),
    "figures": (_case(), 1, _with(chain=9, in_flight=1, importing=True), ROOT),
    "where the same words are kept": (_case(), 1, _with(content_id="v9"), ROOT),
    "findings": (_case(), 1, _with(findings=(Finding("a", "note", "b"),)), ROOT),
}


@pytest.mark.parametrize("part", SEALED)
def test_the_seal_changes_with_every_part_that_is_sealed(part: str) -> None:
    assert seal_of(*SEALED[part]) != SEAL


def test_no_two_of_these_proposals_have_one_seal() -> None:
    assert len({seal_of(*other) for other in SEALED.values()}) == len(SEALED)


@pytest.mark.parametrize("part", NOT_SEALED)
def test_the_seal_does_not_change_with_anything_else(part: str) -> None:
    assert seal_of(*NOT_SEALED[part]) == SEAL
