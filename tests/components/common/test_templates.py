"""What a page's template does with words of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from markupsafe import Markup

from components.common.reporting.templates import environment

EVIL = "a\u202eb\x1b[2J\u2066<i>\x00\u200f\u2028"
SHOWN = r"a\u202eb\x1b[2J\u2066&lt;i&gt;\x00\u200f\u2028"


@pytest.mark.parametrize(
    "template",
    [
        "{{ one }}",
        "{{ [one, 'b'] | join(', ') }}",
        "{{ one ~ ' and ' ~ '<br>' | safe }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(one) }}",
        "{% set x %}{{ one }}{% endset %}{{ x }}",
        "{{ one | e }}",
        '<p title="{{ one }}"></p>',
        "{% for x in [one] %}{{ x if true }}{% endfor %}",
        "{{ '%s' | format(one) }}",
    ],
)
def test_what_cannot_be_seen_is_written_out(tmp_path: Path, template: str) -> None:
    (tmp_path / "page").write_text(template)
    html = environment(tmp_path, {}).get_template("page").render(one=EVIL)
    assert SHOWN in html


def test_line_breaks_numbers_and_own_scripts_stay(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("{{ lines }}|{{ number }}|{{ none }}|{{ script }}")
    html = (
        environment(tmp_path, {})
        .get_template("page")
        .render(lines="a\nb", number=3, none=None, script=Markup("if (a && b)\n\treturn;"))
    )
    assert html == "a\nb|3|None|if (a && b)\n\treturn;"


def test_a_document_sees_to_that_itself(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("{{ one }}")
    assert environment(tmp_path, {}, html=False).get_template("page").render(one=EVIL) == EVIL
