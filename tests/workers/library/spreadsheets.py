"""Spreadsheets in tests, from the XML of their parts: what programs other than ours write."""

from __future__ import annotations

import io
import zipfile

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"

STYLES = {"plain": 0, "hours": 1, "clock": 2, "day": 3, "moment": 4, "built-in hours": 5, "said": 6}
"""Styles of cells by what they show; `said` has letters of dates in quotation marks only."""
_FORMATS = {
    164: "[h]:mm",
    165: "hh:mm",
    166: "yyyy\\-mm\\-dd;@",
    167: "dd/mm/yyyy hh:mm",
    168: "0.0&quot; days&quot;",
}
_XFS = (0, 164, 165, 166, 167, 46, 168)


def xlsx(rows: str, workbook: str = "<workbookPr/>", extensions: str = "", strings: str = "") -> bytes:
    """A workbook of one sheet whose rows are this XML."""
    formats = "".join(f'<numFmt numFmtId="{at}" formatCode="{code}"/>' for at, code in _FORMATS.items())
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument'
        '.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": _relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">{workbook}'
        f'<sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets>{extensions}</workbook>',
        "xl/_rels/workbook.xml.rels": _relations(
            ("worksheet", "worksheets/sheet1.xml"),
            ("styles", "styles.xml"),
            ("sharedStrings", "sharedStrings.xml"),
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts>{formats}</numFmts><cellXfs>'
        + "".join(f'<xf numFmtId="{at}"/>' for at in _XFS)
        + "</cellXfs></styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{strings}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>',
    }
    return packed(parts)


def sheet(*rows: list[str]) -> str:
    """Rows of cells, each of them the XML of a cell without its place; an empty text is no cell."""
    return "".join(
        f'<row r="{number}">'
        + "".join(
            cell.replace("<c", f'<c r="{chr(65 + at)}{number}"', 1) for at, cell in enumerate(row) if cell
        )
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )


def number(value: float, style: str = "plain") -> str:
    return f'<c s="{STYLES[style]}"><v>{value!r}</v></c>'


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def packed(parts: dict[str, str]) -> bytes:
    """A zip archive of these parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def _relations(*targets: tuple[str, str]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{at}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


_OPEN = "urn:oasis:names:tc:opendocument:xmlns"


def ods(
    *tables: str, mimetype: str = "application/vnd.oasis.opendocument.spreadsheet", key: str = ""
) -> bytes:
    """An OpenDocument file of these tables, as LibreOffice writes it."""
    spaces = "".join(f' xmlns:{name}="{_OPEN}:{name}:1.0"' for name in ("office", "table", "text"))
    spaces += ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    body = f"<office:body><office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body>"
    return packed(
        {
            "mimetype": mimetype,
            "content.xml": f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{spaces}>{body}'
            "</office:document-content>",
            "META-INF/manifest.xml": f"<manifest>{key}</manifest>",
        }
    )


def ods_table(name: str, *rows: str) -> str:
    """A table; below it are the empty rows that fill a sheet up."""
    rest = '<table:table-row table:number-rows-repeated="1048570"><table:table-cell/></table:table-row>'
    return f'<table:table table:name="{name}">{"".join(rows)}{rest}</table:table>'


def ods_row(*cells: str, times: int = 1) -> str:
    """A row; at its right are the empty cells that fill it up."""
    rest = '<table:table-cell table:number-columns-repeated="16380"/>'
    return f'<table:table-row table:number-rows-repeated="{times}">{"".join(cells)}{rest}</table:table-row>'


def ods_cell(kind: str, value: str = "", shown: str = "", more: str = "") -> str:
    """A cell; ``value`` stands in the attribute that its kind has."""
    own = {"boolean": "boolean-value", "date": "date-value", "time": "time-value"}.get(kind, "value")
    attribute = f' office:{own}="{value}"' if value else ""
    words = f"<text:p>{shown}</text:p>" if shown else ""
    return f'<table:table-cell office:value-type="{kind}"{attribute} {more}>{words}</table:table-cell>'
