"""The way of one file: what belongs to it, what is drawn of it, and what stands for the rest."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.models.lineage.cards import Way, way_of
from pipeline.models.lineage.chain import chain
from schemas.lineage import LineageNode
from tests.pipeline.models.lineage.made_up_graph import DEVICES, made_up_graph


def titles(way: Way) -> set[str]:
    return {card.title for card in way.cards}


def names(nodes: Iterable[LineageNode]) -> set[str]:
    return {one.id for one in nodes}


def test_a_chain_holds_what_concerns_the_file_and_what_it_started_from() -> None:
    found = names(chain(made_up_graph(), "version:m-phone/1").nodes)
    assert {"corpus", "windows", "student-b", "file:b/core", "times-phone", "verdict", "served"} <= found
    assert {"train-a", "student-a"} <= found, "b started from it"
    assert not found & {"student-c", "variants-c", "convert-a", "variants-a", "file:a/core"}, (
        "other candidates"
    )
    assert "file:b/wave" not in found, "another file of the student"
    assert not found & {"times-host", "latency:host", "decision:host", "version:m-host/1"}, "another device"


def test_a_file_s_chain_has_all_its_devices() -> None:
    found = names(chain(made_up_graph(), "file:b/core").nodes)
    assert {f"version:m-{device}/1" for device in DEVICES} <= found


def test_two_versions_of_one_file_on_one_device_are_told_apart() -> None:
    both = made_up_graph()
    again = both.node("version:m-phone/1").model_copy(update={"id": "version:m-phone/2", "title": "again"})
    both = both.model_copy(update={"nodes": [*both.nodes, again]})
    found = names(chain(both, "version:m-phone/2").nodes)
    assert "version:m-phone/2" in found and not found & {"version:m-phone/1", "served"}


def test_a_step_and_what_it_made_are_one_card() -> None:
    way = way_of(made_up_graph(), "version:m-phone/1")
    assert titles(way) == {
        "corpus", "windows", "student-a", "student-b", "file:b/core", "latency:phone", "decision:phone",
        "version:m-phone/1", "served",
    }  # fmt: skip
    file = next(card for card in way.cards if card.title == "file:b/core")
    assert [one.id for one in file.nodes] == ["file:b/core", "variants-b", "convert-b"]


def test_cards_tell_how_many_others_are_not_drawn() -> None:
    cards = {card.title: card for card in way_of(made_up_graph(), "version:m-phone/1").cards}
    footers = {title: card.footer for title, card in cards.items()}
    assert footers["student-b"] == "+ 2 other students"
    assert footers["file:b/core"] == "+ 1 other file of it"
    assert footers["decision:phone"] == "1 of 6 judged files"
    assert footers["version:m-phone/1"] == "+ 1 other version"
    assert footers["corpus"] == footers["student-a"] == ""
    assert cards["corpus"].lines == ["10 clips"]


def test_links_say_nothing_twice() -> None:
    links = set(way_of(made_up_graph(), "version:m-phone/1").links)
    assert links == {
        ("corpus", "windows"),
        ("windows", "student-a"),
        ("student-a", "student-b"),
        ("windows", "student-b"),  # longer by way of a, but on the way itself
        ("student-b", "file:b/core"),
        ("file:b/core", "latency:phone"),
        ("latency:phone", "decision:phone"),
        ("decision:phone", "version:m-phone/1"),
        ("version:m-phone/1", "served"),
    }


def test_a_device_s_figures_lead_to_its_own_decision() -> None:
    links = set(way_of(made_up_graph(), "file:b/core").links)
    for device in DEVICES:
        assert (f"latency:{device}", f"decision:{device}") in links
    assert not {("latency:host", "decision:phone"), ("latency:phone", "decision:host")} & links


def test_no_two_cards_stand_in_one_place() -> None:
    for focus in ("file:b/core", "version:m-host/1", "file:c/wave"):
        places = [(card.stage, card.lane) for card in way_of(made_up_graph(), focus).cards]
        assert len(places) == len(set(places))


def test_what_did_not_happen_is_drawn_as_such() -> None:
    way = way_of(made_up_graph(), "file:c/wave")
    ghosts = [card for card in way.cards if card.tone == "ghost"]
    assert [card.title for card in ghosts] == ["Not published", "Not in use"]
    assert (ghosts[0].id, ghosts[1].id) in way.links
