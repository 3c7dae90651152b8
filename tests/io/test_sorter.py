"""The sorter on plain records: what belongs together, in which order, and what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cmr.io.header import Header, Kind
from napari_cmr.io.sorter import SortedStack, sort_images
from tests.io.records import LAX_ORIENTATION, SAX_ORIENTATION, cine, uids


def only(headers: list[Header]) -> SortedStack:
    stacks, findings, skipped = sort_images(headers)
    assert len(stacks) == 1
    assert not findings
    assert not skipped
    return stacks[0]


def codes(stack: SortedStack) -> set[str]:
    return {f.code for f in stack.findings}


LONG_AXIS = cine(5, 1, orientation=LAX_ORIENTATION, prefix="1.3", series=lambda t, z: "1.2")
STUDY = cine(5, 4) + LONG_AXIS


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(len(STUDY))), numbers=st.permutations(range(len(STUDY))))
def test_the_order_and_the_numbers_of_the_files_do_not_matter(order, numbers) -> None:
    expected = [uids(s.frames) for s in sort_images(STUDY)[0]]
    shuffled = [replace(STUDY[i], instance=numbers[i]) for i in order]
    assert [uids(s.frames) for s in sort_images(shuffled)[0]] == expected


@pytest.mark.parametrize(
    "number",
    [
        lambda t, z: z * 5 + t,  # phase fastest
        lambda t, z: t * 4 + z,  # slice fastest
        lambda t, z: t,  # numbered anew in each slice
    ],
)
def test_frames_come_by_phase_and_slice_however_they_are_numbered(number) -> None:
    stack = only(cine(5, 4, number=number))
    assert uids(stack.frames) == [[f"1.2.{z}.{t}" for z in range(4)] for t in range(5)]
    np.testing.assert_allclose(stack.times_ms, np.tile(40.0 * np.arange(5)[:, None], (1, 4)))


def test_slices_run_from_base_to_apex_whichever_way_they_were_scanned() -> None:
    up, down = only(cine(3, 4, step=10)), only(cine(3, 4, step=-10))
    for stack in (up, down):
        along = (stack.geometry.origins[-1] - stack.geometry.origins[0]) / 30
        assert along @ np.array([1, -1, -1]) > 1.5  # left, front, feet
        np.testing.assert_allclose(np.abs(np.diff(stack.geometry.positions)), 10, atol=1e-9)


def test_one_series_a_slice_is_one_stack() -> None:
    stack = only(cine(5, 4, series=lambda t, z: f"1.1.{z}"))
    assert stack.shape == (5, 4, 181, 181)


def test_one_series_a_phase_is_one_stack() -> None:
    stack = only(cine(5, 4, series=lambda t, z: f"1.1.{t}"))
    assert uids(stack.frames) == [[f"1.2.{z}.{t}" for z in range(4)] for t in range(5)]
    assert not codes(stack)


def test_a_frame_of_reference_or_number_of_its_own_does_not_split_but_geometry_does() -> None:
    headers = cine(5, 4) + cine(5, 4, orientation=LAX_ORIENTATION, prefix="1.3")
    stacks, _, _ = sort_images(headers)
    assert [s.shape[:2] for s in stacks] == [(5, 4), (5, 4)]
    assert len({h.orientation for h in stacks[0].headers}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"echo_ms": 3.0},
        {"component": "phase"},
        {"rows": 128},
        {"pixel_spacing": (1.1, 1.1)},
        {"study": "2"},
        {"kind": Kind.FLOW},
    ],
)
def test_images_that_differ_in_kind_are_apart(change) -> None:
    stacks, _, _ = sort_images(cine(5, 4) + cine(5, 4, prefix="1.3", **change))
    assert [s.shape[:2] for s in stacks] == [(5, 4), (5, 4)]


@pytest.mark.parametrize(
    "change", [{"echo_ms": 1.52}, {"pixel_spacing": (1.0004, 1.0)}, {"series_number": 9}]
)
def test_images_that_differ_by_rounding_are_together(change) -> None:
    headers = [replace(h, **change) if i % 4 == 1 else h for i, h in enumerate(cine(5, 4))]
    assert only(headers).shape[:2] == (5, 4)


def test_positions_within_a_tenth_of_the_step_are_one_slice() -> None:
    headers = cine(5, 4)
    normal = np.cross(SAX_ORIENTATION[:3], SAX_ORIENTATION[3:])
    moved = [
        replace(h, position=tuple(np.array(h.position) + normal * 0.15 * (i % 5)))  # type: ignore
        for i, h in enumerate(headers)
    ]
    assert only(moved).shape[:2] == (5, 4)


def test_the_later_of_two_whole_runs_wins_and_is_said() -> None:
    first = cine(5, 4)
    again = [
        replace(h, uid=f"again.{h.uid}", series="1.9", series_number=9, acquired_s=37_000.0)
        for h in first
        if h.uid.startswith("1.2.2.")
    ]
    stack = only(first + again)
    assert codes(stack) == {"repeated-slice"}
    assert [phase[2].uid for phase in stack.frames] == [f"again.1.2.2.{t}" for t in range(5)]


def test_a_repeat_within_one_series_is_told_by_its_acquisition_number() -> None:
    first = [replace(h, acquisition=1) for h in cine(5, 4)]
    again = [
        replace(h, uid=f"again.{h.uid}", acquisition=2, trigger_ms=h.trigger_ms + 0.5)
        for h in first
        if h.uid.startswith("1.2.2.")
    ]
    stack = only(first + again)
    assert codes(stack) == {"repeated-slice"}
    assert stack.frames[0][2].uid == "again.1.2.2.0"


def test_acquisition_numbers_that_count_phases_are_no_repeats() -> None:
    stack = only([replace(h, acquisition=(h.instance or 0) % 5) for h in cine(5, 4)])
    assert not stack.findings


def test_a_repeat_that_was_broken_off_does_not_replace_the_whole_run() -> None:
    first = cine(5, 4)
    broken = [
        replace(h, uid=f"again.{h.uid}", series="1.9", acquired_s=37_000.0)
        for h in first
        if h.uid in ("1.2.2.0", "1.2.2.1")
    ]
    stacks, _, _ = sort_images(first + broken)
    assert [s.shape[:2] for s in stacks] == [(5, 4), (2, 1)]
    assert all("unequal-phases" in codes(s) for s in stacks)


def test_a_copied_file_counts_once() -> None:
    headers = cine(5, 4)
    stacks, _, skipped = sort_images(headers + headers[:3])
    assert [s.shape[:2] for s in stacks] == [(5, 4)]
    assert skipped == {"copy of another file": 3}


@pytest.mark.parametrize("uid", ["1.2.3", ""])
def test_different_images_that_share_a_uid_are_all_used(uid) -> None:
    stack = only([replace(h, uid=uid) for h in cine(5, 4)])
    assert stack.shape[:2] == (5, 4)
    assert codes(stack) == ({"shared-uid"} if uid else set())
    np.testing.assert_allclose(stack.times_ms[:, 0], 40.0 * np.arange(5))


def test_a_slice_that_lacks_a_phase_is_split_off() -> None:
    stacks, _, _ = sort_images([h for h in cine(5, 4) if h.uid != "1.2.1.3"])
    assert [s.shape[:2] for s in stacks] == [(5, 3), (4, 1)]
    assert all("unequal-phases" in codes(s) for s in stacks)
    assert "uneven-gaps" in codes(stacks[0])


@pytest.mark.parametrize(
    ("lie", "used", "fault"),
    [
        (lambda h, t: {"trigger_ms": 5.0, "temporal_index": t}, "temporal-index", "constant"),
        (lambda h, t: {"trigger_ms": t // 2, "temporal_index": t}, "temporal-index", "repeated"),
        (lambda h, t: {"trigger_ms": None, "temporal_index": t}, "temporal-index", ""),
        (lambda h, t: {"trigger_ms": None, "acquired_s": 50.0 + t / 30}, "acquisition-time", ""),
        (
            lambda h, t: {"trigger_ms": None, "acquired_s": 5.0, "content_s": t / 30},
            "content-time",
            "constant",
        ),
        (lambda h, t: {"trigger_ms": 1.0, "acquired_s": None}, "instance", "constant"),
    ],
)
def test_a_phase_key_that_lies_is_refused_and_the_next_is_taken(lie, used, fault) -> None:
    headers = [replace(h, **lie(h, int(h.uid.split(".")[-1]))) for h in cine(6, 3)]
    stack = only(headers)
    assert stack.ordered_by == used
    assert uids(stack.frames) == [[f"1.2.{z}.{t}" for z in range(3)] for t in range(6)]
    assert ("phase-key-refused" in codes(stack)) == bool(fault)
    assert all(fault in f.message for f in stack.findings)
    assert stack.times_ms is None


def test_temporal_positions_that_differ_between_slices_are_refused() -> None:
    headers = [
        replace(h, trigger_ms=None, acquired_s=None, temporal_index=(h.instance or 0) ** 2)
        for h in cine(6, 3)
    ]
    stack = only(headers)
    assert stack.ordered_by == "instance"
    assert any("contradictory between slices" in f.message for f in stack.findings)


def test_phases_that_nothing_orders_are_named_as_such() -> None:
    headers = [replace(h, trigger_ms=None, acquired_s=None, instance=1) for h in cine(6, 3)]
    stack = only(headers)
    assert stack.ordered_by == ""
    assert "phases-unordered" in codes(stack)


def test_a_gap_is_a_finding_and_positions_stay_true() -> None:
    stack = only([h for h in cine(5, 6) if not h.uid.startswith("1.2.3.")])
    assert codes(stack) == {"uneven-gaps"}
    np.testing.assert_allclose(np.diff(np.abs(stack.geometry.positions)), [10, 10, 20, 10])


def test_a_turned_slice_stays_in_its_stack_at_the_position_of_its_middle() -> None:
    headers = cine(5, 5)
    turned = _turned(headers, "1.2.2.", degrees=6)
    stack = only(turned)
    assert stack.shape[:2] == (5, 5)
    assert codes(stack) == {"rotated-slice"}
    np.testing.assert_allclose(np.diff(np.abs(stack.geometry.positions)), 10, atol=0.05)


def test_a_slice_turned_by_much_is_no_part_of_the_stack() -> None:
    stacks, _, _ = sort_images(_turned(cine(5, 5), "1.2.2.", degrees=40))
    assert sorted(s.shape[1] for s in stacks) == [1, 4]


def _turned(headers: list[Header], prefix: str, degrees: float) -> list[Header]:
    """Turn a slice about the line through its middle along its rows."""
    angle = np.radians(degrees)
    columns, rows = np.array(SAX_ORIENTATION[:3]), np.array(SAX_ORIENTATION[3:])
    normal = np.cross(columns, rows)
    new_rows = np.cos(angle) * rows + np.sin(angle) * normal
    result = []
    for h in headers:
        if h.uid.startswith(prefix):
            middle = np.array(h.position) + 90 * (columns + rows)
            corner = middle - 90 * (columns + new_rows)
            h = replace(h, position=tuple(corner), orientation=(*columns, *new_rows))  # type: ignore
        result.append(h)
    return result


def test_images_without_a_position_are_left_out_and_counted() -> None:
    lost = [replace(h, position=None) for h in cine(5, 2, prefix="1.7")]
    lost = [replace(h, trigger_ms=1.0, acquired_s=None) for h in lost]
    stacks, findings, skipped = sort_images(cine(5, 4) + lost)
    assert [s.shape[:2] for s in stacks] == [(5, 4)]
    assert skipped == {"no slice position": 10}
    assert [f.code for f in findings] == ["geometry-missing"]


def test_slice_locations_stand_in_for_positions_and_this_is_said() -> None:
    headers = [
        replace(h, position=None, orientation=None, slice_location=8.0 * int(h.uid.split(".")[2]))
        for h in cine(5, 4)
    ]
    stack = only(headers)
    assert codes(stack) == {"orientation-missing"}
    assert not stack.geometry.oriented
    assert stack.geometry.spacing == (8.0, 1.0, 1.0)


def test_one_slice_without_a_position_is_read_as_one_slice() -> None:
    stack = only([replace(h, position=None) for h in cine(5, 1)])
    assert stack.shape[:2] == (5, 1)
    assert codes(stack) == {"orientation-missing"}


def test_no_pixel_spacing_makes_the_spacing_unknown() -> None:
    stack = only([replace(h, pixel_spacing=None) for h in cine(5, 4)])
    assert not stack.geometry.spacing_known
    assert "spacing-unknown" in codes(stack)


def test_fewer_phases_than_the_header_promises_are_a_finding() -> None:
    assert codes(only(cine(2, 4, phases_claimed=20))) == {"phases-missing"}


def finding(stack: SortedStack, code: str) -> str:
    return str(next(f for f in stack.findings if f.code == code))


@pytest.mark.parametrize(
    ("z", "where", "volumes"),
    [
        (0, "before the first slice", "lack"),
        (2, "between slices", "bridge the gap"),
        (4, "after the last slice", "lack"),
    ],
)
def test_a_slice_whose_images_are_all_damaged_is_said_to_be_missing_and_where(
    z, where, volumes
) -> None:
    headers = cine(5, 5)
    lost = [h for h in headers if h.uid.startswith(f"1.2.{z}.")]
    stacks, _, _ = sort_images([h for h in headers if h not in lost] + LONG_AXIS, lost=lost)
    said = finding(stacks[0], "lost-slice")
    assert f"1 slice(s) {where} are missing: none of their 5 image(s)" in said
    assert volumes in said
    assert "lost-slice" not in codes(stacks[1])


def test_a_damaged_image_of_a_slice_that_is_there_is_no_lost_slice() -> None:
    headers = cine(5, 4)
    lost = [headers[0], *LONG_AXIS[:2]]
    stacks, _, _ = sort_images([h for h in headers if h not in lost], lost=lost)
    assert [s.shape[:2] for s in stacks] == [(5, 3), (4, 1)]
    assert not any("lost-slice" in codes(s) for s in stacks)
    said = finding(stacks[0], "unequal-phases")
    assert "1 slice(s) before the first slice have 4 phases, the others 5." in said
    assert "lack what they show" in said


def phases_of(stack: SortedStack, z: int) -> list[int]:
    """Which of the slice's images stand for its phases."""
    return [int(phase[z].uid.split(".")[-1]) for phase in stack.frames]


@pytest.mark.parametrize("missing", [0, 4, 9])
@pytest.mark.parametrize("key", ["trigger", "temporal-index"])
def test_asked_to_resample_a_missing_phase_is_the_image_before_or_after_it(missing, key) -> None:
    headers = [h for h in cine(10, 4) if h.uid != f"1.2.3.{missing}"]
    if key == "temporal-index":
        headers = [
            replace(h, trigger_ms=None, temporal_index=1 + int(h.uid.split(".")[-1]))
            for h in headers
        ]
    stacks, _, _ = sort_images(headers, resample_time=True)
    assert [s.shape[:2] for s in stacks] == [(10, 4)]
    assert codes(stacks[0]) == {"resampled-in-time"}
    found = phases_of(stacks[0], 3)
    assert [p for t, p in enumerate(found) if t != missing] == [
        t for t in range(10) if t != missing
    ]
    assert (found[missing] - missing) % 10 in (1, 9)
    assert phases_of(stacks[0], 0) == list(range(10))
    if key == "trigger":
        np.testing.assert_allclose(stacks[0].times_ms[:, 3], 40.0 * np.arange(10))


def test_asked_to_resample_a_slice_of_more_phases_is_thinned_evenly() -> None:
    twenty = [
        replace(h, trigger_ms=h.trigger_ms / 2, nominal_rr_ms=400.0)
        for h in cine(20, 4)
        if h.uid.startswith("1.2.3.")
    ]
    ten = [h for h in cine(10, 4) if not h.uid.startswith("1.2.3.")]
    stacks, _, _ = sort_images(ten + twenty, resample_time=True)
    assert [s.shape[:2] for s in stacks] == [(10, 4)]
    assert phases_of(stacks[0], 3) == list(range(0, 20, 2))


def test_too_few_phases_are_not_resampled() -> None:
    headers = [h for h in cine(10, 4) if not (h.uid.startswith("1.2.3.") and h.trigger_ms > 120)]
    stacks, _, _ = sort_images(headers, resample_time=True)
    assert [s.shape[:2] for s in stacks] == [(10, 3), (4, 1)]
    assert "--resample-time" not in finding(stacks[0], "unequal-phases")


@pytest.mark.parametrize("missing", [lambda z: 3 + z, lambda z: 4])
def test_slices_that_each_lack_a_phase_are_said_to_skip_it(missing) -> None:
    gone = {f"1.2.{z}.{missing(z)}" for z in range(4)}
    (stack,), _, _ = sort_images([h for h in cine(10, 4) if h.uid not in gone])
    assert stack.shape[:2] == (9, 4)
    assert "4 slice(s) skip a phase" in finding(stack, "phase-skipped")


def test_an_even_cycle_skips_nothing() -> None:
    assert "phase-skipped" not in codes(only(cine(10, 4)))
