"""A downtime sheet as one HTML page for a printer: A4, no script, nothing loaded from anywhere.

Everything on it came from people and is escaped. It knows no treatment.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from controller.clinic.downtime import Sheet, Steps, Table

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""What the page may do in a browser: nothing but be styled by itself."""

STYLE: Final = """
@page { size: A4; margin: 12mm 15mm }
* { box-sizing: border-box }
body { font: 10pt/1.3 "DejaVu Sans", Arial, Helvetica, sans-serif; color: #000;
  margin: 0 auto; max-width: 180mm }
h1 { font-size: 15pt; margin: 0 0 2mm; overflow-wrap: anywhere }
h2 { font-size: 11pt; margin: 3.2mm 0 1.2mm; border-bottom: 0.3mm solid #000 }
.banner { border: 0.8mm solid #000; text-align: center; font-weight: bold;
  letter-spacing: 0.12em; padding: 1mm; margin: 0 0 2.5mm }
.first { background: #000; color: #fff; font-size: 17pt; font-weight: bold; padding: 2mm 3mm;
  -webkit-print-color-adjust: exact; print-color-adjust: exact }
dl { display: grid; grid-template-columns: 52mm 1fr; gap: 0.6mm 3mm; margin: 3mm 0 0 }
dt { font-weight: bold }
dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { border: 0.2mm solid #444; padding: 1mm 1.6mm; text-align: left }
th { background: #eee; font-size: 9pt }
.log td { height: 8.4mm }
ol { margin: 0; padding-left: 6mm }
li { margin: 0 0 0.7mm }
.back { break-before: page }
.back h1 { font-size: 11pt }
.given p { margin: 3.4mm 0; white-space: pre-wrap }
.sign { display: grid; grid-template-columns: 1fr 1fr; gap: 8mm; margin-top: 17mm }
.sign div { border-top: 0.3mm solid #000; font-size: 9pt; padding-top: 0.8mm }
footer { font-size: 9pt; margin-top: 4mm }
section, tr { break-inside: avoid }
@media screen { .back { margin-top: 14mm } }
"""


def page(sheet: Sheet) -> str:
    """The whole page."""
    body = "\n".join(_body(sheet))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
        f"<title>{escape(sheet.title)}</title>\n<style>{STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _body(sheet: Sheet) -> Iterator[str]:
    banners = [f'<div class="banner">{escape(text)}</div>' for text in sheet.banners]
    yield from banners
    yield f"<h1>{escape(sheet.title)}</h1>"
    yield f'<div class="first">{escape(sheet.first)}</div>'
    yield "<dl>"
    for label, value in sheet.facts:
        yield f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>"
    yield "</dl>"
    yield _table(sheet.rates, "rates")
    yield from map(_steps, sheet.steps)
    yield '<div class="back">'
    yield from banners
    yield f"<h1>{escape(sheet.whose)}</h1>"
    yield _table(sheet.log, "log")
    lines = "".join(f"<p>{escape(line)}</p>" for line in sheet.given)
    yield f'<section class="given">{lines}</section>'
    signed = "".join(f"<div>{escape(who)}</div>" for who in sheet.signatures)
    yield f'<div class="sign">{signed}</div>'
    yield f"<footer>{escape(sheet.foot)}</footer>"
    yield "</div>"


def _steps(steps: Steps) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in steps.lines)
    return f"<section><h2>{escape(steps.title)}</h2><ol>{lines}</ol></section>"


def _table(table: Table, kind: str) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in table.headings)
    rows = "".join(map(_row, table.rows))
    return (
        f'<section><h2>{escape(table.title)}</h2><table class="{kind}">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _row(cells: tuple[str, ...]) -> str:
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
