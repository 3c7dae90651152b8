"""The report as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from napari_cmr.core import replacing
from napari_cmr.report.page import Drawings
from napari_cmr.report.parts import Content, with_unit
from napari_cmr.report.style import RESEARCH_USE

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 62rem; margin: 1.5rem auto; padding: 0 1rem; }
header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.research { color: #b3261e; font-weight: bold; } .quiet { color: #555; margin: .2rem 0; }
figure { margin: .6rem 0; } figure img { width: 100%; display: block; background: #000; }
figcaption { font-weight: bold; font-size: .9rem; }
.legend span { margin-right: 1rem; white-space: nowrap; }
.legend i { display: inline-block; width: 1.2em; height: .35em; vertical-align: middle;
            margin-right: .3em; }
.row { display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; }
.row > * { flex: 1 1 17rem; } .row svg { width: 100%; height: auto; max-width: 26rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: .15rem .4rem; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
dt { font-weight: bold; } dd { margin: 0; }
@media print { body { font-size: 11px; } }
"""


def write_html(content: Content, path: str | Path) -> None:
    """Write the report as HTML: text, vector plots and pictures in one file, no scripts.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = _document(content, Drawings.of(content))
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _document(content: Content, drawings: Drawings) -> str:
    others = [(n.title, with_unit(n)) for n in content.others]
    curve = "" if drawings.curve is None else f"<div>{_svg(drawings.curve, 'curve')}</div>"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(content.title)}</title><style>{_STYLE}</style></head><body>",
            f"<header><h1>{escape(content.title)}</h1>",
            f'<span class="research">{RESEARCH_USE}</span></header>',
            f'<p class="quiet">{escape(content.subtitle)}</p>',
            f'<p class="quiet">{escape(content.person)}</p>',
            *_pictures(drawings),
            '<div class="row"><div>',
            _table(content.rows, content.headings),
            _table(others, (content.others_title, "")),
            f"</div>{curve}</div>",
            '<div class="row">',
            *(f"<div>{_svg(p, f'segments-{i}')}</div>" for i, p in enumerate(drawings.plots)),
            "</div>",
            "<h2>Findings</h2>",
            _list(content.findings),
            "<h2>How it was made</h2><dl>",
            *(f"<dt>{escape(h)}</dt><dd>{escape(t)}</dd>" for h, t in content.provenance()),
            "</dl>",
            *(f'<p class="quiet">{escape(source)}</p>' for source in content.sources),
            f'<p class="research">{RESEARCH_USE}</p>',
            "</body></html>\n",
        ]
    )


def _pictures(drawings: Drawings) -> Iterable[str]:
    for title, row in drawings.rows:
        data = base64.b64encode(row.png).decode("ascii")
        slices = ", ".join(str(z) for z in row.slices)
        yield (
            f"<figure><figcaption>{escape(title)}</figcaption>"
            f'<img alt="{escape(title)}, slices {slices} with contours" '
            f'src="data:image/png;base64,{data}"></figure>'
        )
    names = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>'
        for name, colour in drawings.legend
    )
    yield f'<p class="legend">{names}</p>'


def _table(rows: Iterable[Iterable[str]], headings: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(h)}</th>" for h in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _list(items: tuple[str, ...]) -> str:
    if not items:
        return "<p>none</p>"
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _svg(drawing: Any, name: str) -> str:
    """A drawing as an SVG element for the middle of a page.

    reportlab calls every clipping path alike, which on one page would clip all by the first; it
    names fonts as PostScript does; and its title is a placeholder.
    """
    from reportlab.graphics import renderSVG

    text = str(renderSVG.drawToString(drawing))
    for old, new in (
        ('id="clip"', f'id="clip-{name}"'),
        ("url(#clip)", f"url(#clip-{name})"),
        ('id="group"', f'id="group-{name}"'),
        ("font-family: Helvetica-Bold", "font-weight: bold; font-family: Helvetica"),
        ("font-family: Helvetica", "font-family: Helvetica, Arial, sans-serif"),
        ("<title>...</title>", ""),
        ("<desc>...</desc>", ""),
    ):
        text = text.replace(old, new)
    return text[text.index("<svg") :]
