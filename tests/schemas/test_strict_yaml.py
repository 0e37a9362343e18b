from __future__ import annotations

import pytest

from schemas.strict_yaml import YamlError, parse_yaml


@pytest.mark.parametrize("text", ["a: 1\nb:\n  a: 2\n  a: 3\n", "b: [{a: 2,\n  x: 1},\n {a: 1, a: 3}]\n"])
def test_a_key_given_twice_is_refused(text: str) -> None:
    with pytest.raises(YamlError, match=r"here\.yaml:\d: the key 'a' is given at line 3 already") as caught:
        parse_yaml(text, "here.yaml")
    assert str(caught.value).startswith("here.yaml:4" if "\n  a: 3" in text else "here.yaml:3")


def test_a_merged_key_may_be_overridden() -> None:
    text = "base: &base {a: 1, b: 2}\nfirst: &first {<<: *base, b: 3}\nsecond: {<<: *first, a: 4}\n"
    assert parse_yaml(text, "x")["second"] == {"a": 4, "b": 3}


def test_what_is_no_yaml_is_refused_with_its_place() -> None:
    with pytest.raises(YamlError, match=r"(?s)here\.yaml: not YAML: .*line 2"):
        parse_yaml("a: 1\n\tb: 2\n", "here.yaml")
    with pytest.raises(YamlError, match="not YAML"):
        parse_yaml("!!python/object:os.system {}", "x")
