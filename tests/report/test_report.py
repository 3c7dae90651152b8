import base64
import contextlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace

import numpy as np
import pytest

from napari_cmr import measure, phantom, report
from napari_cmr.core import Finding, InputError
from napari_cmr.report.bullseye import wedges
from napari_cmr.report.content import cell
from napari_cmr.report.style import RESEARCH_USE


@pytest.fixture(scope="module")
def study():
    return phantom.make(
        phantom.PhantomConfig(n_phases=15, n_slices=7, slice_step_mm=12, rows=72, columns=72)
    )


def content(study, *findings, review=(), infarct=None, person=None):
    segmentation = replace(study.segmentation, model="a-model 1.2.3", findings=findings)
    measures = measure.function(segmentation)
    person = person or measure.Person(180, 80, sex=measure.Sex.MALE, age_years=50)
    clinical = measure.clinical_numbers(segmentation, measures, person)
    return report.compose(
        study.sax, segmentation, measures, clinical, review=review, infarct_percent=infarct
    )


@pytest.fixture(scope="module")
def plain(study):
    return content(study)


def pdf_text(path):
    """The strings that a page draws; reportlab packs its pages as ASCII85 of zlib."""
    pages = re.findall(rb"stream\r?\n(.*?)endstream", path.read_bytes(), re.DOTALL)
    packed = [page.strip() for page in pages if page.strip().endswith(b"~>")]
    text = b""
    for page in packed:
        with contextlib.suppress(zlib.error):  # pictures have masks that are packed otherwise
            text += zlib.decompress(base64.a85decode(b"<~" + page, adobe=True))
    strings = re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", text)
    return b" ".join(strings).decode("latin-1").replace("\\(", "(").replace("\\)", ")")


def html_text(path):
    text = path.read_text(encoding="utf-8")
    return re.sub(r"<style>.*?</style>|data:[^\"]*|<[^>]+>", " ", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def files(plain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    report.write_pdf(plain, folder / "r.pdf")
    report.write_html(plain, folder / "r.html")
    return folder


def test_the_pdf_is_one_page_of_vector_text(files):
    raw = (files / "r.pdf").read_bytes()
    assert raw.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", raw)) == 1
    assert "ventricular function" in pdf_text(files / "r.pdf")


@pytest.mark.parametrize("kind", ["pdf", "html"])
def test_paper_and_screen_say_the_same(files, plain, kind):
    text = pdf_text(files / "r.pdf") if kind == "pdf" else html_text(files / "r.html")
    text = " ".join(text.split())
    for number in (*plain.others, *(n for line in plain.ventricles for n in line.numbers if n)):
        assert cell(number).split()[0].encode("latin-1", "ignore").decode() in text
    for words in (RESEARCH_USE, "a-model 1.2.3", "not reviewed", "Petersen", "papillary"):
        assert words in text
    assert "EDV (mL)" in text
    assert "anterior" in text


def test_the_html_needs_nothing_beside_it(files):
    text = (files / "r.html").read_text(encoding="utf-8")
    assert set(re.findall(r'src="([a-z]+):', text)) == {"data"}
    assert "<script" not in text
    assert "<link" not in text
    assert text.count("data:image/png;base64,") == 2


def test_every_drawing_of_the_html_is_whole_and_has_names_of_its_own(files):
    text = (files / "r.html").read_text(encoding="utf-8")
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 3  # curve, thickness, thickening
    names = [name for d in drawings for name in re.findall(r'\bid="([^"]+)"', d)]
    assert len(names) == len(set(names))
    for drawing in drawings:
        ET.fromstring(drawing)  # well-formed


def test_words_from_a_file_cannot_change_the_page(study, tmp_path):
    nasty = Finding("x", "<b>5 < 6</b> & <script>alert(1)</script>")
    made = content(study, nasty)
    report.write_html(made, tmp_path / "r.html")
    assert "<script" not in (tmp_path / "r.html").read_text(encoding="utf-8")
    report.write_pdf(made, tmp_path / "r.pdf")
    assert "5 < 6" in pdf_text(tmp_path / "r.pdf")


def test_findings_that_do_not_fit_the_page_are_counted_there(study, tmp_path):
    many = [Finding(f"f{i}", f"Finding number {i}.", "Something was done. " * 6) for i in range(30)]
    made = content(study, *many)
    report.write_pdf(made, tmp_path / "r.pdf")
    text = pdf_text(tmp_path / "r.pdf")
    assert "more in the HTML report" in text
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "r.pdf").read_bytes())) == 1
    report.write_html(made, tmp_path / "r.html")
    assert "Finding number 29" in html_text(tmp_path / "r.html")


def test_infarct_gets_a_plot_of_its_own(study):
    made = content(study, infarct={1: 40.0, 2: 0.0})
    assert [p.title for p in made.bulls_eyes][-1].startswith("Infarct")


def test_a_study_without_millimetres_or_heart_is_reported_all_the_same(study, tmp_path):
    segmentation = replace(
        study.segmentation,
        labels=np.zeros_like(study.segmentation.labels),
        geometry=replace(study.segmentation.geometry, spacing_known=False),
        times_ms=None,
    )
    measures = measure.function(segmentation)
    clinical = measure.clinical_numbers(segmentation, measures)
    made = report.compose(study.sax, segmentation, measures, clinical)
    report.write_pdf(made, tmp_path / "r.pdf")
    report.write_html(made, tmp_path / "r.html")
    text = html_text(tmp_path / "r.html")
    assert "spacing is unknown" in text
    assert "sex or age is unknown" in text


# By hand from Cerqueira 2002, figure 4: the middle of each segment, degrees from the right.
PLACES = {1: 90, 2: 150, 3: 210, 4: 270, 5: 330, 6: 30, 7: 90, 8: 150, 10: 270, 12: 30}
PLACES |= {13: 90, 14: 180, 15: 270, 16: 0}


def test_anterior_is_on_top_and_the_septum_on_the_left():
    drawn = {s: ((a + b) / 2 % 360, inner, outer) for s, a, b, inner, outer in wedges()}
    assert sorted(drawn) == list(range(1, 17))
    for segment, degrees in PLACES.items():
        assert drawn[segment][0] == degrees
    assert drawn[1][1:] == (0.75, 1.0)  # the base is outside
    assert drawn[13][1:] == (0.25, 0.5)


def test_a_place_that_cannot_be_written_is_one_sentence(plain, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for write in (report.write_pdf, report.write_html):
        with pytest.raises(InputError, match="choose another place"):
            write(plain, tmp_path / "file" / "r.x")


def test_importing_the_room_imports_no_reportlab():
    code = "import sys, napari_cmr.report; sys.exit('reportlab' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
