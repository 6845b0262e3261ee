"""A policy in YAML is the policy that JSON would say, and nothing that JSON could not."""

import pytest
import requests

from support.house import House, asking, refusal
from support.server import Server

YAML = """\
# people decide
rules:
  - name: "everything"
    approve:
      stages:
        - {group: approvers, quorum: 1}
separation: none
"""
REFUSED = {
    "a key twice": "rules: []\nrules: []\n",
    "a key that is no text": "1: x\n",
    "an alias": "a: &a [1]\nb: *a\n",
    "a thousand laughs": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a tag of Python": "!!python/object/apply:os.system ['true']\n",
    "a date, said to be one": "a: !!timestamp 2026-01-01\n",
    "a tag that does not fit": "a: !!bool x\n",
    "a tag of nothing": 'a: !!int ""\n',
    "bytes": "a: !!binary aGVsbG8=\n",
    "NUL": 'a: "\\0"\n',
    "half a character": 'a: "\\ud800"\n',
    "no YAML": "a: [1\n",
    "no UTF-8": "a: \udcff\n",
    "nested without end": "[" * 5000 + "]" * 5000,
    "a megabyte of nesting": "[" * 1_000_000,
    "two documents": "a: 1\n---\na: 2\n",
}


def put(house: House, text: str, kind: str = "application/yaml") -> requests.Response:
    headers = {"Authorization": f"Bearer {house.client.key}", "Content-Type": kind}
    body = text.encode(errors="surrogateescape")
    return requests.put(f"{house.client.base}/v1/policy", data=body, headers=headers, timeout=30)


@pytest.mark.parametrize("kind", ["application/yaml", "application/x-yaml; charset=utf-8", "TEXT/YAML"])
def test_yaml_puts_the_same_policy_into_force_as_json(server: Server, kind: str) -> None:
    house, other = House.of(server), House.of(server, policy=asking())
    assert put(house, YAML, kind).status_code == 200
    assert house.data("GET", "/v1/policy") == other.data("GET", "/v1/policy")
    assert house.asked()


@pytest.mark.parametrize("name", REFUSED)
def test_what_json_could_not_say_is_refused(server: Server, name: str) -> None:
    house = House.of(server)
    answer = put(house, REFUSED[name])
    assert refusal(answer) == (400, "validation_error", []), answer.text
    assert house.data("GET", "/v1/policy")["version"] == 0


def test_a_mistake_in_yaml_is_told_with_its_place(server: Server) -> None:
    answer = put(House.of(server), YAML.replace("separation: none", "separation: friends"))
    assert [mistake["path"] for mistake in answer.json()["error"]["mistakes"]] == ["separation"]


def test_yaml_is_read_by_the_core_schema_of_its_version_1_2(server: Server) -> None:
    house = House.of(server)
    said = """\
    rules:
      - name: yes
        when: {recipients_at_most: 010, hours: {from: 21:30, to: 22:00, zone: UTC}}
        approve: auto
      - name: off
        when: {recipients_over: 0x10, channel: sms}
        approve: {stages: [{group: approvers, quorum: 0o1}]}
      - {name: ~, approve: &nobody }
    separation: none
    """
    assert refusal(put(house, said))[0] == 400
    said = said.replace("{name: ~, approve: &nobody }", "{name: 2026-01-01, approve: {stages: [{group: approvers}]}}")
    assert put(house, said).status_code == 200
    first, second, last = house.data("GET", "/v1/policy")["policy"]["rules"]
    hours = {"from": "21:30", "to": "22:00", "zone": "UTC"}
    assert first == {"name": "yes", "when": {"recipients_at_most": 10, "hours": hours}, "approve": "auto"}
    assert (second["name"], second["when"]["recipients_over"], last["name"]) == ("off", 16, "2026-01-01")
    assert second["approve"]["stages"] == [{"group": "approvers", "quorum": 1}]
    assert put(house, "approval: off\nreason: a test\n").status_code == 200
    assert house.data("GET", "/v1/policy")["policy"] == {"approval": "off", "reason": "a test"}


@pytest.mark.parametrize("value", ["1_000", "0b11", "1:30", "on", "0o9", "1e2", "1.0", ".inf", ".nan", "True", "null"])
def test_what_is_no_whole_number_in_yaml_1_2_is_none_here(server: Server, value: str) -> None:
    answer = put(House.of(server), YAML.replace("quorum: 1", f"quorum: {value}"))
    assert refusal(answer)[0] == 400, answer.text
    assert [each["path"] for each in answer.json()["error"]["mistakes"]] == ["rules[0].approve.stages[0].quorum"]


def test_an_empty_text_and_another_type_are_no_policy(server: Server) -> None:
    house = House.of(server)
    assert refusal(put(house, "")) == (400, "validation_error", [])
    assert refusal(put(house, YAML, "text/plain")) == (415, "validation_error", [])
    assert house.data("GET", "/v1/policy")["version"] == 0
