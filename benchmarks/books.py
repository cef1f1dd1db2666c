"""Small books for benchmarks and tests: EPUB with the standard library's zipfile, PDF written by hand."""

import io
import zipfile
from collections.abc import Mapping, Sequence

_CONTAINER = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>{0}</rootfiles></container>'
_ROOT = '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>'
_OPF = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>{title}</dc:title><dc:creator>Somebody</dc:creator><dc:language>en</dc:language><dc:date>1999</dc:date>
</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"""


def epub(chapters: Sequence[str], title: str = "A Book", files: Mapping[str, str] | None = None) -> bytes:
    """Return a book with these chapters, each the inside of an XHTML body; `files` are added or replaced."""
    names = [f"chapter {number}.xhtml" for number in range(len(chapters))]
    hrefs = [name.replace(" ", "%20") for name in names]
    media = 'media-type="application/xhtml+xml"'
    items = "".join(f'<item id="c{number}" href="{href}" {media}/>' for number, href in enumerate(hrefs))
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    written = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER.format(_ROOT),
        "OEBPS/book.opf": _OPF.format(title=title, items=items, spine=spine),
        **{
            f"OEBPS/{name}": f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body>{chapter}'
            "</body></html>"
            for name, chapter in zip(names, chapters, strict=True)
        },
        **(files or {}),
    }
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in written.items():
            archive.writestr(zipfile.ZipInfo(name, (1999, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def pdf(pages: Sequence[Sequence[str]], title: str = "A Paper", *, encrypted: bool = False) -> bytes:
    """Return a PDF file of pages of lines; a page without lines holds a picture of one dot instead."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{5 + 2 * number} 0 R' for number in range(len(pages)))}] "
        f"/Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({title}) /Author (Somebody) >>",
    ]
    for number, lines in enumerate(pages):
        shown = " ".join(f"({_escaped(line)}) Tj T*" for line in lines)
        dot = "q 100 0 0 100 72 500 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x7f EI Q"
        content = f"BT /F1 11 Tf 13 TL 72 740 Td {shown} ET" if lines else dot
        resources = "/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {resources} /Contents {6 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream")
    lock = f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -44 /O ({'o' * 32}) /U ({'u' * 32}) >> /ID [(i) (i)]"
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R {lock if encrypted else ''} >>"
    raw, starts = bytearray(b"%PDF-1.4\n"), []
    for number, item in enumerate(objects, start=1):
        starts.append(len(raw))
        raw += f"{number} 0 obj\n{item}\nendobj\n".encode("cp1252")
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(raw)}\n%%EOF\n"
    return bytes(raw) + end.encode()


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
