import numpy as np
import pytest

from napari_cmr.core import InputError
from napari_cmr.learn.versions.corrections import (
    describe,
    load_corrections,
    refuse_same_pictures,
)
from tests.learn.corrected import ACDC, write_cases


def test_labels_under_the_wrong_map_are_refused_and_under_the_right_one_taken(tmp_path):
    wrong = write_cases(tmp_path / "wrong", "ab", values=ACDC, label_map="cmr")
    with pytest.raises(InputError, match=r"2 subject\(s\).*round what is called LV.*label_map"):
        load_corrections([wrong])
    right = write_cases(tmp_path / "right", "ab", values=ACDC, label_map="acdc")
    assert load_corrections([right])[0].structures == (1, 2, 3)


def test_two_images_of_one_id_and_frame_are_refused_by_name(tmp_path):
    one, other = (write_cases(tmp_path / name, "ab") for name in ("one", "other"))
    with pytest.raises(InputError, match=r"the same subject id.*a_image\.nii\.gz"):
        load_corrections([one, other])
    with pytest.raises(InputError, match="twice"):
        load_corrections([one, one])


def test_the_same_pictures_under_two_ids_are_refused(tmp_path):
    manifest = write_cases(tmp_path / "one", "ab")
    text = manifest.read_text().replace("b_image", "a_image")
    manifest.write_text(text)
    loaded = load_corrections([manifest])
    with pytest.raises(InputError, match="under two subject ids"):
        refuse_same_pictures(describe(loaded, {"a": "1", "b": "2"}))


def test_a_correction_is_known_by_its_pixels_wherever_it_lies(tmp_path):
    found = [
        describe(load_corrections([write_cases(tmp_path / name, "a")]), {"a": "salted"})
        for name in ("one", "other")
    ]
    assert found[0] == found[1]
    changed = write_cases(tmp_path / "changed", "a", change=lambda _, labels: np.roll(labels, 1, 0))
    other = describe(load_corrections([changed]), {"a": "salted"})
    assert other[0].image_sha256 == found[0][0].image_sha256
    assert other[0].label_sha256 != found[0][0].label_sha256


def test_empty_masks_count_with_the_structures_of_their_set_or_as_the_column_says(tmp_path):
    def emptied(subject, labels):
        return labels * (subject == "b")

    loaded = load_corrections([write_cases(tmp_path / "some", "ab", change=emptied)])
    assert [row.structures for row in loaded] == [(1, 2, 3)] * 2
    nothing = write_cases(tmp_path / "all", "a", change=emptied)
    with pytest.raises(InputError, match="column 'structures'"):
        load_corrections([nothing])
    told = (("structures", "LV MYO"),)
    named = write_cases(tmp_path / "named", "a", change=emptied, columns=told)
    assert load_corrections([named])[0].structures == (1, 2)
    unknown = write_cases(tmp_path / "unknown", "a", columns=(("structures", "heart"),))
    with pytest.raises(InputError, match="no structure 'heart'"):
        load_corrections([unknown])
