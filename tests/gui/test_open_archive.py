import shutil

import npe2
import numpy as np


def test_a_zip_archive_opens_from_the_file_menu_as_its_folder_does(
    viewer, study, study_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = shutil.make_archive(str(tmp_path / "study"), "zip", study_folder)
    manifest = npe2.PluginManager.instance().get_manifest("napari-cmr")
    assert "*.zip" in manifest.contributions.readers[0].filename_patterns
    sax = viewer.open(path, plugin="napari-cmr")[-1]
    assert sax.metadata["stack_id"] == "sax-1"
    np.testing.assert_array_equal(sax.data, study.sax.pixels)
