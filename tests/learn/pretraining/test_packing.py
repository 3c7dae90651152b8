import errno
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_cmr.core import InputError
from napari_cmr.learn.pretraining import shards
from napari_cmr.learn.pretraining.packing import open_pack, pack_manifests
from napari_cmr.learn.pretraining.sampling import Sampler
from napari_cmr.learn.pretraining.shards import ShardReader, ShardWriter
from napari_cmr.nets import Heart, InputGrid
from tests.learn.pretraining.conftest import GRID, pictures, write_manifest


def quiet(_):
    pass


def packed(folder, rows, **options):
    manifest = write_manifest(folder / "m.csv", rows)
    return pack_manifests([manifest], folder / "packs", GRID, say=quiet, **options)


def test_a_pack_holds_the_pictures_on_the_grid(tmp_path):
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    row = {"subject": "a", "image": "ramp.png", "spacing_mm": "8,4,4"}
    image = packed(tmp_path, [row]).read(np.array([0]))[0].astype(float)
    middle = ramp[8:-8, 8:-8] / 252 * 255
    assert image.shape == (48, 48)
    assert np.abs(image - middle).max() < 4  # percentiles cut a little off both ends


def test_images_are_read_back_in_their_order_over_shards(tmp_path, monkeypatch):
    from napari_cmr.learn.pretraining import packing

    rows = pictures(tmp_path, 7)
    whole = packed(tmp_path, rows).read(np.arange(7))
    monkeypatch.setattr(packing, "SHARD_IMAGES", 3)
    manifest = write_manifest(tmp_path / "m.csv", rows)
    cut = pack_manifests([manifest], tmp_path / "cut", GRID, say=quiet)
    assert zarr.open_array(cut.folder / "images.zarr", mode="r").shards == (3, 48, 48)
    assert len(list((cut.folder / "images.zarr" / "c").iterdir())) == 3
    assert np.array_equal(cut.read(np.arange(7)), whole)
    assert np.array_equal(cut.read(np.array([6, 0])), whole[[6, 0]])


def test_another_run_that_packed_the_same_meanwhile_is_no_fault(tmp_path, monkeypatch):
    rename, met = Path.rename, []

    def second(self, target):
        if self.suffix == ".part" and not met:
            shutil.copytree(self, target)
            met.append(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", second)
    pack = packed(tmp_path, pictures(tmp_path, 2))
    assert met == [pack.folder]
    assert [path for path in pack.folder.parent.iterdir() if path.suffix == ".part"] == []


def test_the_crops_are_a_zarr_array_and_black_ones_are_in_it(tmp_path):
    crops = np.random.default_rng(0).integers(0, 255, (10, 8, 8), dtype=np.uint8)
    crops[[2, 9]] = 0
    writer = ShardWriter(tmp_path, 8, 4)
    for part in np.split(crops, (1, 7)):
        writer.add(part)
    writer.finish()
    array = zarr.open_array(tmp_path / "images.zarr", mode="r")
    assert (array.shards, array.chunks, array.dtype) == ((4, 8, 8), (1, 8, 8), np.uint8)
    assert np.array_equal(array[:], crops)
    reader = ShardReader(tmp_path, 10, 8)
    assert np.array_equal(reader.read(np.arange(10)), crops)
    reader.close()


def written(folder, crops, shard_images=4):
    writer = ShardWriter(folder, crops.shape[1], shard_images)
    writer.add(crops)
    writer.finish()
    return folder / "images.zarr"


def test_what_is_coded_otherwise_or_cut_at_its_front_is_refused(tmp_path):
    crops = np.random.default_rng(0).integers(0, 255, (8, 8, 8), dtype=np.uint8)
    array = written(tmp_path, crops)
    shard = array / "c" / "1" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[1:])
    reader = ShardReader(tmp_path, 8, 8)
    assert np.array_equal(reader.read(np.arange(4)), crops[:4])
    with pytest.raises(InputError, match="are damaged; remove them"):
        reader.read(np.array([4]))
    described = (array / "zarr.json").read_text()
    (array / "zarr.json").write_text(described.replace('"bytes"', '"transpose"', 1))
    with pytest.raises(InputError, match="are damaged; remove them"):
        ShardReader(tmp_path, 8, 8)


def test_few_files_are_open_at_once_however_many_shards_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "OPEN_SHARDS", 3)
    crops = np.random.default_rng(0).integers(0, 255, (20, 8, 8), dtype=np.uint8)
    written(tmp_path, crops, shard_images=1)
    reader, before = ShardReader(tmp_path, 20, 8), len(list(Path("/proc/self/fd").iterdir()))
    order = np.random.default_rng(1).permutation(20)
    assert np.array_equal(reader.read(order), crops[order])
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 3
    reader.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_the_system_refuses_to_open_is_not_called_damaged(tmp_path, monkeypatch):
    written(tmp_path, np.zeros((4, 8, 8), np.uint8))
    reader = ShardReader(tmp_path, 4, 8)

    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(shards.os, "open", refuse)
    with pytest.raises(InputError, match=r"Cannot read the packed images .*Too many open files"):
        reader.read(np.array([0]))


def test_slices_one_under_the_other_are_cut_apart_and_placed(tmp_path):
    tall = np.concatenate([np.random.default_rng(i).integers(0, 255, (32, 32)) for i in range(3)])
    Image.fromarray(tall.astype(np.uint8)).save(tmp_path / "tall.webp", lossless=True)
    row = {"subject": "a", "image": "tall.webp", "slice_rows": 32, "spacing_mm": "8,4,4"}
    pack = packed(tmp_path, [row | {"slices_from": "apex"}])
    assert pack.records["position"].tolist() == [1.0, 0.5, 0.0]
    assert len(pack.read(np.arange(3))) == 3


def test_slices_in_files_of_their_own_are_placed_by_their_numbers(tmp_path):
    rows = pictures(tmp_path, 4)
    for number, row in enumerate(rows[:3]):
        row |= {"subject": "a", "slice": number + 5}
    pack = packed(tmp_path, rows)
    assert pack.records["position"][:3].tolist() == [0.0, 0.5, 1.0]
    assert np.isnan(pack.records["position"][3])


def test_crops_lie_round_the_heart_and_in_the_middle_where_none_is_found(tmp_path):
    rows = pictures(tmp_path, 2, side=96)
    hearts = iter(
        [Heart((100.0, 100.0), (4.0, 4.0), True), Heart((192.0, 192.0), (4.0, 4.0), False)]
    )
    pack = packed(tmp_path, rows, find_heart=lambda _: next(hearts), finder_name="fixed")
    assert (pack.meta["hearts_found"], pack.meta["stacks"]) == (1, 2)
    plain = packed(tmp_path, rows)
    assert plain.meta["hearts_found"] is None
    first, second = pack.read(np.arange(2))
    assert np.array_equal(second, plain.read(np.array([1]))[0])
    assert not np.array_equal(first, plain.read(np.array([0]))[0])


def test_validation_is_kept_apart_and_other_splits_are_left_out(tmp_path):
    rows = pictures(tmp_path, 4)
    for row, split in zip(rows, ("train", "", "validation", "test"), strict=True):
        row["split"] = split
    pack = packed(tmp_path, rows)
    assert pack.records["held"].tolist() == [False, False, True]
    assert pack.meta["sets"] == {tmp_path.name: 2}
    sampler = Sampler(pack, seed=0)
    seen = {pack.records["subject"][n] for s in range(50) for n, _, _ in [sampler._draw_one(s, 0)]}
    assert seen == {0, 1}


def test_a_subject_in_both_splits_is_refused(tmp_path):
    rows = pictures(tmp_path, 2)
    rows[1] |= {"subject": "s0", "split": "validation"}
    with pytest.raises(InputError, match="both the train and the validation split: s0"):
        packed(tmp_path, rows)


def test_missing_files_are_listed_all_at_once(tmp_path):
    rows = [{"subject": "a", "image": f"gone{i}.png"} for i in range(3)]
    with pytest.raises(InputError, match=r"3 missing file\(s\).*gone0.*gone1.*gone2"):
        packed(tmp_path, rows)


def test_missing_files_of_all_manifests_are_listed_together(tmp_path):
    manifests = [
        write_manifest(tmp_path / f"{name}.csv", [{"subject": "a", "image": f"{name}.png"}])
        for name in ("one", "two")
    ]
    with pytest.raises(InputError, match=r"one\.png.*two\.png"):
        pack_manifests(manifests, tmp_path / "packs", GRID, say=quiet)


def damaged(folder, n, bad):
    rows = pictures(folder, n)
    for row in rows[:bad]:
        (folder / row["image"]).write_bytes(b"\x89PNG broken")
    return rows


def test_few_unreadable_images_are_skipped_with_a_count(tmp_path):
    rows, said = damaged(tmp_path, 20, 1), []
    manifest = write_manifest(tmp_path / "m.csv", rows)
    pack = pack_manifests([manifest], tmp_path / "packs", GRID, say=said.append)
    assert (pack.meta["images"], pack.meta["unreadable"]) == (19, 1)
    assert "skipped 1 unreadable image(s)" in said


def test_more_than_a_twentieth_unreadable_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match=r"2 of 20 images cannot be read.*p0000\.png"):
        packed(tmp_path, damaged(tmp_path, 20, 2))
    assert list((tmp_path / "packs").iterdir()) == []


def test_pixels_that_are_no_numbers_count_as_unreadable(tmp_path):
    import nibabel as nib

    pixels = np.ones((8, 8, 2), np.float32)
    pixels[0, 0, 0] = np.nan
    nib.save(nib.Nifti1Image(pixels, np.diag([2.0, 2, 8, 1])), tmp_path / "nan.nii.gz")
    with pytest.raises(InputError, match=r"nan\.nii\.gz"):
        packed(tmp_path, [{"subject": "a", "image": "nan.nii.gz"}])


@pytest.mark.parametrize(
    "surprise",
    [
        np.ones((8, 8, 2), np.complex64),
        np.ones((8, 8, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")]),
        np.ones((8, 8, 2, 2, 2), np.float32),
        np.ones((0, 8, 2), np.float32),
    ],
    ids=["complex", "colour", "five axes", "no rows"],
)
def test_a_surprise_of_type_or_shape_counts_as_unreadable(tmp_path, surprise):
    import nibabel as nib

    nib.save(nib.Nifti1Image(surprise, np.diag([2.0, 2, 8, 1])), tmp_path / "odd.nii.gz")
    with pytest.raises(InputError, match=r"odd\.nii\.gz"):
        packed(tmp_path, [{"subject": "a", "image": "odd.nii.gz"}])


def test_slices_that_lie_side_by_side_have_no_place_along_the_heart(tmp_path):
    rows = pictures(tmp_path, 3)
    for number, row in enumerate(rows):
        row |= {"subject": "a", "slice": number}
    across = packed(tmp_path, [row | {"view": "SAX"} for row in rows])
    along = packed(tmp_path, [row | {"view": "LAX"} for row in rows])
    assert across.records["position"].tolist() == [0.0, 0.5, 1.0]
    assert np.isnan(along.records["position"]).all()


def test_where_a_stack_begins_is_base_or_apex_however_written(tmp_path):
    row = pictures(tmp_path, 1, side=64)[0] | {"slice_rows": 32}
    pack = packed(tmp_path, [row | {"slices_from": " Apex"}])
    assert pack.records["position"].tolist() == [1.0, 0.0]
    with pytest.raises(InputError, match="slices_from says 'top'; a stack begins at 'base' or"):
        packed(tmp_path, [row | {"slices_from": "top"}])


def test_a_probe_by_a_column_that_nobody_fills_is_refused(tmp_path):
    rows = [row | {"group": "", "centre": "A"} for row in pictures(tmp_path, 2)]
    assert packed(tmp_path, rows, probe="centre").meta["classes"] == ["A"]
    with pytest.raises(InputError, match="column 'group', which no manifest fills"):
        packed(tmp_path, rows, probe="group")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("meta.json", b"{"),
        ("meta.json", b"{}"),
        ("meta.json", b"[]"),
        ("index.npy", b"junk"),
        ("index.npy", b""),
        ("meta.json", b'{"size": 0}'),
        ("images.zarr/zarr.json", b"{}"),
        ("images.zarr/zarr.json", b"junk"),
        ("images.zarr/c/0/0/0", b"junk"),
        ("images.zarr/c/0/0/0", b"\0" * 20000),
    ],
)
def test_a_damaged_pack_is_refused_by_its_name(tmp_path, file, content):
    folder = packed(tmp_path, pictures(tmp_path, 2)).folder
    (folder / file).write_bytes(content)
    with pytest.raises(InputError, match=f"packed images in {folder} are damaged"):
        open_pack(folder).read(np.array([0]))


def test_a_second_call_opens_the_pack_and_a_changed_manifest_makes_another(tmp_path):
    rows, said = pictures(tmp_path, 3), []
    manifest = write_manifest(tmp_path / "m.csv", rows)
    packs = [
        pack_manifests([manifest], tmp_path / "packs", GRID, say=said.append) for _ in range(2)
    ]
    write_manifest(manifest, rows[:2])
    packs.append(pack_manifests([manifest], tmp_path / "packs", GRID, say=said.append))
    other = InputGrid(spacing_mm=4.0, size=40)
    packs.append(pack_manifests([manifest], tmp_path / "packs", other, say=said.append))
    assert said == ["packing 3 images", "packing 2 images", "packing 2 images"]
    assert len({p.folder for p in packs}) == 3


def many(folder, slices):
    """One subject with many slices and one with a single slice, two frames each."""
    rows = []
    for subject, n in slices.items():
        for frame in ("ED", "ES"):
            tall = np.random.default_rng(n).integers(0, 255, (16 * n, 16)).astype(np.uint8)
            name = f"{subject}{frame}.png"
            Image.fromarray(tall).save(folder / name)
            rows.append({"subject": subject, "image": name, "frame": frame, "slice_rows": 16})
    return packed(folder, rows)


def test_subjects_are_drawn_evenly_however_many_slices_they_have(tmp_path):
    pack = many(tmp_path, {"few": 1, "many": 20})
    sampler = Sampler(pack, seed=0)
    drawn = [sampler._draw_one(step, 0)[0] for step in range(1000)]
    few = np.isin(drawn, np.flatnonzero(pack.records["subject"] == 0)).sum()
    assert few == pytest.approx(500, abs=70)


def test_partners_are_the_other_frame_of_the_same_slice(tmp_path):
    pack = many(tmp_path, {"a": 2, "b": 3})
    sampler = Sampler(pack, seed=0, frame_pairs=True)
    for step in range(100):
        one, other, _ = sampler._draw_one(step, 0)
        assert one != other
        assert pack.records["site"][one] == pack.records["site"][other]


def test_pairs_of_frames_where_there_are_none_are_refused(tmp_path):
    pack = packed(tmp_path, pictures(tmp_path, 3))
    with pytest.raises(InputError, match="no slice has two frames"):
        Sampler(pack, seed=0, frame_pairs=True)
    with pytest.raises(InputError, match="No image's place along the heart"):
        Sampler(pack, seed=0, placed=True)


def test_a_step_draws_the_same_however_it_is_cut(tmp_path):
    sampler = Sampler(packed(tmp_path, pictures(tmp_path, 5)), seed=3)
    whole, parts = sampler.draw(7, 0, 6), [sampler.draw(7, first, 3) for first in (0, 3)]
    assert whole.keys.tolist() == [k for part in parts for k in part.keys.tolist()]
    assert sampler.draw(8, 0, 6).keys.tolist() != whole.keys.tolist()
