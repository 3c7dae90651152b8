"""What a head of whole pictures may answer, and where a manifest says the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_cmr.core import InputError, Sequence, View
from napari_cmr.io.manifest import ManifestRow


@dataclass(frozen=True)
class HeadTask:
    """One task that names pictures, slices or people.

    Parameters
    ----------
    name
        As on the command line.
    classes
        All that it may answer, in order.
    column
        Of the manifest, which holds the truth.
    unsaid
        Values of that column that are no truth, beside an empty one.
    also
        Other spellings of a class.
    """

    name: str
    classes: tuple[str, ...]
    column: str
    unsaid: frozenset[str] = frozenset()
    also: Mapping[str, str] = field(default_factory=dict, hash=False)

    def truth(self, row: ManifestRow) -> str | None:
        """The class of a row; None where the manifest does not say.

        Raises
        ------
        InputError
            If the manifest says what the task does not know.
        """
        said = row.columns.get(self.column, "").strip()
        said = self.also.get(said, said)
        if not said or said in self.unsaid:
            return None
        if said not in self.classes:
            raise InputError(
                f"The manifest's column {self.column} of {row.subject} says '{said}', which "
                f"{self.name} does not know; it knows {', '.join(self.classes)}, and an empty "
                "cell where nobody knows."
            )
        return said


DISEASE, SCAR = "disease", "lge_pathology"
"""The tasks whose numbers come from a segmentation: biomarkers, and scar's share of the wall."""

HEAD_TASKS: Mapping[str, HeadTask] = {
    task.name: task
    for task in (
        HeadTask(
            "sequence_cls",
            ("cine", "LGE", "mapping"),
            "sequence",
            frozenset({Sequence.OTHER, Sequence.ECHO}),
            {Sequence.T1: "mapping", Sequence.T2: "mapping"},
        ),
        HeadTask(
            "view_cls",
            (View.SAX, View.CH2, View.CH3, View.CH4, View.RV2CH, View.RVOT),
            "view",
            frozenset({View.LAX, View.UNKNOWN}),
        ),
        HeadTask(DISEASE, ("NOR", "DCM", "HCM", "MINF", "RV"), "group"),
        HeadTask(SCAR, ("normal", "pathological"), "group"),
    )
}
"""Name -> task."""
