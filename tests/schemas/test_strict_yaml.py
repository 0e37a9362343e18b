from __future__ import annotations

from pathlib import Path

import pytest

from schemas.strict_yaml import YamlError, parse_yaml, read_yaml


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


def _nested(levels: int) -> str:
    return "[" * levels + "]" * levels


BOMB = "a0: &a0 [lol, lol]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
LONG_STRINGS = f"a: &a {'x' * 50_000}\nb: [{', '.join(['*a'] * 1000)}]"
STEPS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200))


OUT_OF_PROPORTION = {
    "integer": (f"a: {'9' * 6000}", "1: '9+.* is not a value of YAML's type int"),
    "hexadecimal": (f"\na: 0x{'f' * 6000}", "2: .* is an integer beyond 64 bits"),
    "a key": (f"? {'9' * 6000}\n: 1", "is not a value of YAML's type int"),
    "month": ("a: 2024-13-01", "1: '2024-13-01' is not a value of YAML's type timestamp"),
    "day": ("a: [2023-02-29T10:00:00Z]", "is not a value of YAML's type timestamp"),
    "boolean": ("a: !!bool perhaps", "'perhaps' is not a value of YAML's type bool"),
    "date": ("a: !!timestamp perhaps", "is not a value of YAML's type timestamp"),
    "number": ("a: !!float perhaps", "is not a value of YAML's type float"),
    "flow": (_nested(20_000), "1: more than 50 levels deep"),
    "block": ("- " * 20_000, "1: more than 50 levels deep"),
    "unclosed": ("[" * 20_000, "1: more than 50 levels deep"),
    "mappings": ("{a: " * 20_000, "1: more than 50 levels deep"),
    "aliases in aliases": (STEPS, "more than 50 levels deep"),
    "bomb": (BOMB, "7: comes to more than 1048576 characters when its aliases are written out"),
    "long strings": (LONG_STRINGS, "2: comes to more than 1048576 characters"),
    "itself": ("a: &a [1, *a]", "1: the alias 'a' stands for a part that it is in"),
    "merging itself": ("a: &a {<<: *a}", "1: the alias 'a' stands for a part that it is in"),
    "large": ("a: 1\n" + "#" * 300_000, "is longer than 262144 characters"),
    "control character": ("a: \x07", "not YAML"),
    "list as a key": (
        "? [1]\n: 2",
        r"not YAML: while constructing a mapping: found unhashable key, line 1",
    ),
    "two documents": ("a: 1\n---\na: 2", "not YAML: expected a single document"),
    "long word": (f"a: 'b{'x' * 100_000}", "not YAML"),
    "long key": (f"{'x' * 1000}: 1\n{'x' * 1000}: 2", "2: the key 'x+.* is given at line 1 already"),
}


@pytest.mark.parametrize(("text", "said"), OUT_OF_PROPORTION.values(), ids=OUT_OF_PROPORTION)
def test_what_is_out_of_proportion_is_refused_in_a_line(text: str, said: str) -> None:
    with pytest.raises(YamlError, match=said) as caught:
        parse_yaml(text, "here.yaml")
    message = str(caught.value)
    assert message.startswith("here.yaml")
    assert len(message) < 1000
    assert "\n" not in message


def test_aliases_in_proportion_are_followed() -> None:
    assert parse_yaml("a: &a [1, 2]\nb: {c: *a, d: [*a, *a]}", "x")["b"] == {
        "c": [1, 2],
        "d": [[1, 2], [1, 2]],
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF\x02\x01\xff", "not UTF-8 text: byte 0xff at 6"),
        ("a: 1".encode("utf-16"), "not UTF-8 text: byte 0xff at 0"),
        ("a: ä".encode("latin-1"), "not UTF-8 text: byte 0xe4 at 3"),
        (b"a: \x00", "not YAML: .*"),
        (b"# " + b"x" * (1 << 20), "is larger than 262144 bytes"),
    ],
    ids=["binary", "utf-16", "latin-1", "nul", "large"],
)
def test_a_file_that_is_no_yaml_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(content)
    with pytest.raises(YamlError, match=f"{file}: {said}"):
        read_yaml(file)


def test_files_that_never_end_are_refused() -> None:
    with pytest.raises(YamlError, match=r"/dev/zero: is larger than 262144 bytes"):
        read_yaml(Path("/dev/zero"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match=r"cannot be read: .*Is a directory"):
        read_yaml(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes("a: ä".encode("utf-8-sig"))
    assert read_yaml(tmp_path / "file.yaml") == {"a": "ä"}
