"""The notice beside a pushed model."""

from __future__ import annotations

from components.frontier_pusher.notice import NOT_STATED, write_notice
from schemas.push_reports import Licences
from tests.components.frontier_pusher.card.descriptions import make_description


def test_names_what_the_model_was_made_from() -> None:
    description = make_description()
    lines = write_notice(description).splitlines()
    assert lines[0] == f"{description.point_id} was distilled by TinyTrill."
    assert f"sha256 of model.tflite: {description.sha256}" in lines
    assert "Teacher, whose outputs it was trained to give: a made-up teacher" in lines
    assert "  licence: Apache-2.0" in lines
    assert "  made-up corpus: CC-BY-4.0" in lines
    assert "  language: CC0-1.0" in lines
    # Two of the three tasks state none.
    assert [line for line in lines if NOT_STATED in line] == [
        f"  keyword: {NOT_STATED}",
        f"  speaker: {NOT_STATED}",
    ]


def test_nothing_stated_is_said_for_each_part() -> None:
    text = write_notice(make_description(licences=Licences()))
    assert f"  licence: {NOT_STATED}" in text
    assert text.count(NOT_STATED) == 1 + 1 + 3


def test_words_of_others_add_no_lines() -> None:
    usual = write_notice(make_description()).splitlines()
    evil = write_notice(make_description(teacher="one\n  licence: MIT", licences=Licences(teacher="a\nb")))
    assert "  licence: a b" in evil.splitlines()
    assert not any(line == "  licence: MIT" for line in evil.splitlines())
    assert len(evil.splitlines()) == len(usual)


def test_words_of_others_hold_nothing_that_a_terminal_obeys() -> None:
    evil = "a\x1b[2J\x9b1m\u202eb"
    text = write_notice(
        make_description(teacher=evil, licences=Licences(teacher=evil, corpus={evil: evil}, tasks={}))
    )
    assert not set("\x1b\x9b\u202e") & set(text)
    assert text.count(r"a\x1b[2J\x9b1m\u202eb") == 4
