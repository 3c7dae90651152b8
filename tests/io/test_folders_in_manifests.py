"""Which stack of a folder a manifest's row means."""

from dataclasses import replace

import pytest

from napari_cmr import phantom
from napari_cmr.core import InputError, Sequence, View
from napari_cmr.io import load_image, read_manifest, write_dicom

CONFIG = phantom.PhantomConfig(
    n_phases=4, n_slices=3, rows=32, columns=32, pixel_mm=(5.0, 5.0), long_axes=True
)
NAMES = {"sax": "cine SAX", "4ch": "cine 4CH", "late": "LGE PSIR sax"}


@pytest.fixture(scope="module")
def stacks():
    study = phantom.make(CONFIG)
    late = replace(study.sax, pixels=study.sax.pixels[:1], times_ms=None)
    return {"sax": study.sax, "4ch": study.stacks[View.CH4], "late": late}


def folder_of(path, stacks):
    for number, (kind, stack) in enumerate(stacks.items()):
        write_dicom(stack, path, description=NAMES[kind], series_number=100 * (number + 1))
    return path


def loaded(folder, **columns):
    told = {"subject": "s", "image": folder.name, **columns}
    manifest = folder.with_name("m.csv")
    manifest.write_text(f"{','.join(told)}\n{','.join(told.values())}\n")
    return load_image(*read_manifest(manifest))


@pytest.mark.parametrize("kind", ["4ch", "late"])
def test_a_folder_of_one_stack_is_that_stack_whatever_its_view(tmp_path, stacks, kind):
    folder = folder_of(tmp_path / "f", {kind: stacks[kind]})
    assert loaded(folder).shape == stacks[kind].shape


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({}, "sax"),
        ({"view": " ", "sequence": " "}, "sax"),
        ({"view": "SAX"}, "sax"),
        ({"view": "4CH"}, "4ch"),
        ({"view": " 4ch", "sequence": "Cine"}, "4ch"),
        ({"view": "unknown", "sequence": "LGE"}, "late"),
        ({"view": "SAX", "sequence": "LGE"}, "late"),
        ({"stack": "4ch-1"}, "4ch"),
    ],
)
def test_of_several_the_columns_choose_and_else_it_is_the_short_axis_cine(
    tmp_path, stacks, columns, kind
):
    stack = loaded(folder_of(tmp_path / "f", stacks), **columns)
    assert stack.shape == stacks[kind].shape
    if columns.get("view") != "unknown":
        assert stack.view is (View.CH4 if kind == "4ch" else View.SAX)
    assert stack.sequence is (Sequence.LGE if kind == "late" else Sequence.CINE)


def test_words_that_are_not_known_choose_no_stack_of_several(tmp_path, stacks):
    folder = folder_of(tmp_path / "f", stacks)
    with pytest.raises(InputError, match=r"'HLA' in the column view does not say .*known are SAX"):
        loaded(folder, view="HLA")
    with pytest.raises(InputError, match="'SSFP' in the column sequence does not say which"):
        loaded(folder, view="4CH", sequence="SSFP")
    assert loaded(folder, view="HLA", stack="4ch-1").view is View.CH4
    alone = folder_of(tmp_path / "one", {"4ch": stacks["4ch"]})
    assert loaded(alone, view="HLA").shape == stacks["4ch"].shape


def test_what_the_columns_leave_open_is_asked_for_by_name(tmp_path, stacks):
    folder = folder_of(tmp_path / "f", {kind: stacks[kind] for kind in ("4ch", "late")})
    with pytest.raises(InputError, match=r"no short-axis cine; .*the manifest's column stack"):
        loaded(folder)
    with pytest.raises(InputError, match=r"no 2CH cine; it holds .*the manifest's column stack"):
        loaded(folder, view="2CH", sequence="cine")
    again = replace(stacks["4ch"], pixels=stacks["4ch"].pixels[:3], times_ms=None)
    write_dicom(again, folder, description=NAMES["4ch"], series_number=900)
    with pytest.raises(InputError, match=r"holds more than one 4CH; it holds"):
        loaded(folder, view="4CH")
    with pytest.raises(InputError, match=r"no stack '4ch-9'"):
        loaded(folder, stack="4ch-9")
    assert loaded(folder, stack="4ch-2").shape[0] == 3
