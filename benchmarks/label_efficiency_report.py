"""The table and the plot of docs/label-efficiency.md, from the rows of the results file."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "docs" / "label-efficiency.md"
BEGIN, END = "<!-- made by --report: begin -->", "<!-- made by --report: end -->"
BOOTSTRAPS = 2000
OFF = {"adapted", "adapter_rank", "consistency", "invert", "noisy_air", "shared"}
"""Settings that no run here turns on; older rows, from before there were such, lack them."""
LOCALISERS = {
    "cine-sax-unet 1.1.0 a1fd2b3ff044": "cine-sax-unet",
    "cine-sax-unet 1.2.0 79f346332b5a": "cine-sax-unet",
    "cine-sax-unet 1.3.0 79f346332b5a": "cine-sax-unet",
    "cine-sax-unet 1.4.0 dec3d9bd13e3": "cine-sax-unet",
    "cine-sax-unet 2.0.0 b05a5c76fb00": "cine-sax-unet",
}
"""Versions whose localisers are the same to the bit; only their segmenters differ."""
TREATED = {"frozen": 0, "encoder_rate": 1.0, "layer_decay": 1.0}
COLOURS = {
    "scratch": "#555555", "mim": "#0072b2", "dino": "#d55e00", "simclr": "#009e73",
    "pcl": "#cc79a7", "byol": "#e69f00",
}  # fmt: skip
Row = dict[str, Any]
Values = dict[str, float]


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over subjects with its 95 % bootstrap interval."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(values.size, size=(BOOTSTRAPS, values.size))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def over_seeds(rows: list[Row], metric: str) -> Values:
    """Each validation subject's mean over the runs."""
    found = defaultdict(list)
    for row in rows:
        for subject, metrics in row["per_subject"].items():
            if metric in metrics:
                found[subject].append(metrics[metric])
    return {subject: float(np.mean(values)) for subject, values in found.items()}


def difference(rows: list[Row], base: list[Row]) -> tuple[float, float, float] | None:
    """Mean Dice points above the base, subject by subject, over the seeds that both have."""
    both = {r["seed"] for r in rows} & {r["seed"] for r in base}
    if not both:
        return None
    ours, theirs = (
        over_seeds([r for r in group if r["seed"] in both], "dice_mean") for group in (rows, base)
    )
    return interval(100 * np.array([ours[s] - theirs[s] for s in sorted(ours)]))


def recipe_of(row: Row) -> str:
    """The settings that all starts of a table share, as text."""
    stage = {k: v for k, v in row["stage"].items() if k not in {*TREATED, *OFF, "encoder_options"}}
    stage["augment"] = {k: v for k, v in stage["augment"].items() if k not in OFF}
    localiser = LOCALISERS.get(row["localiser"], row["localiser"])
    return json.dumps([row["set"], stage, row["flips"], localiser], sort_keys=True)


def start_of(row: Row) -> tuple[str, str]:
    """The start with how it was treated, and which pretraining it was."""
    began = row["began"]
    if began is None:
        return row["start"], ""
    changed = [
        f"{name.replace('_', ' ')} {row['stage'][name]}"
        for name, usual in TREATED.items()
        if row["stage"][name] != usual
    ]
    if began["method"] == "mim" and row["stage"]["encoder"] == "unet":
        changed += [] if "ups" in began["parts"] else ["without its decoder"]
    return ", ".join([row["start"], *changed]), began["sha256"][:8]


def said(recipe: str) -> str:
    """A recipe's heading."""
    name, stage, *_ = json.loads(recipe)
    grid = stage["grid"]
    alike = "light" if stage["augment"]["any_rotation"] == 0 else "strong"
    return (
        f"{name}: {stage['encoder']}, {grid['size']} pixels of {grid['spacing_mm']} mm, "
        f"{2 * stage['neighbours'] + 1} slice(s), {stage['steps']} steps of {stage['batch']}, "
        f"rate {stage['learning_rate']:g}, {alike} augmentation"
    )


def table(rows: list[Row]) -> list[str]:
    """One recipe's rows, by number of subjects and start."""
    groups: dict[tuple[int, tuple[str, str]], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["subjects"], start_of(row)].append(row)
    lines = [
        "| subjects | start | seed: Dice | Dice of all seeds (95 %) | points above scratch (95 %) "
        "| EF error, points | training, min a run |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    several = len({sha for _, (_, sha) in groups}) > len({label for _, (label, _) in groups})
    for (subjects, (label, sha)), group in sorted(groups.items(), key=_order):
        dice = interval(np.array(list(over_seeds(group, "dice_mean").values())))
        base = groups.get((subjects, ("scratch", "")), [])
        above = difference(group, base) if label != "scratch" else None
        ef = over_seeds(group, "ef_error")
        minutes = np.mean([r["training_s"] for r in group]) / 60
        cells = [
            str(subjects),
            f"{label} ({sha})" if several and sha else label,
            ", ".join(_seed(r) for r in sorted(group, key=lambda r: r["seed"])),
            f"{dice[0]:.3f} ({dice[1]:.3f} to {dice[2]:.3f})",
            "-" if above is None else f"{above[0]:+.1f} ({above[1]:+.1f} to {above[2]:+.1f})",
            f"{np.mean(list(ef.values())):.1f}" if ef else "-",
            f"{minutes:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _seed(row: Row) -> str:
    return f"{row['seed']}: {np.mean(list(over_seeds([row], 'dice_mean').values())):.3f}"


def _order(item: tuple[tuple[int, tuple[str, str]], list[Row]]) -> tuple[int, bool, str, str]:
    (subjects, (label, sha)), _ = item
    return subjects, label != "scratch", label, sha


def pretrainings(results: list[Row]) -> list[str]:
    """What the starts were, a line each."""
    seen = {}
    for row in results:
        if row["began"]:
            began = row["began"]
            seen[row["start"], began["sha256"][:8]] = (
                f"- `{row['start']}` {began['sha256'][:8]}: {began['name']} {began['version']}, "
                f"{began['method'] or began['task']}, {began['steps']} steps, "
                f"{began['hours']:.1f} hours; taken over: {', '.join(began['parts'])}"
            )
    return [seen[key] for key in sorted(seen)]


def plot(panels: list[list[Row]], path: Path) -> None:
    """Dice by number of labelled subjects, a panel a recipe, a line a start."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(panels), figsize=(5.5 * len(panels), 4.2), squeeze=False, layout="constrained"
    )
    for axis, rows in zip(axes[0], panels, strict=True):
        lines: dict[tuple[str, str], dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            lines[start_of(row)][row["subjects"]].append(row)
        for place, ((label, _), points) in enumerate(sorted(lines.items())):
            sizes = sorted(points)
            found = np.array(
                [
                    interval(np.array(list(over_seeds(points[n], "dice_mean").values())))
                    for n in sizes
                ]
            )
            mean, low, high = found.T
            axis.errorbar(
                np.array(sizes) * 1.03**place, mean, [mean - low, high - mean],
                label=label, color=COLOURS.get(label), marker="o", capsize=3,
                linestyle="-" if label in COLOURS else ":",
            )  # fmt: skip
        ticks = sorted({row["subjects"] for row in rows})
        axis.set_xscale("log")
        axis.set_xticks(ticks, [str(n) for n in ticks])
        axis.minorticks_off()
        axis.set_xlim(0.8 * ticks[0], 1.4 * ticks[-1])
        axis.set(xlabel="labelled subjects", ylabel="Dice on validation", title=rows[0]["set"])
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_report(results: list[Row], not_run: list[str], page: Path = PAGE) -> None:
    """Replace what lies between the page's two marks, and the plot beside it."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    by_recipe: dict[str, list[Row]] = defaultdict(list)
    for row in results:
        by_recipe[recipe_of(row)].append(row)
    ordered = dict(
        sorted(by_recipe.items(), key=lambda item: (item[1][0]["set"] != "dsb", -len(item[1])))
    )
    lines = [BEGIN, ""]
    if results:
        largest: dict[str, str] = {}
        for recipe, rows in ordered.items():
            largest.setdefault(rows[0]["set"], recipe)
        plot([ordered[recipe] for recipe in largest.values()], page.with_suffix(".png"))
        lines += [f"![Dice by number of labelled subjects]({page.stem}.png)", ""]
        for recipe, rows in ordered.items():
            lines += [f"### {said(recipe)}", "", *table(rows), ""]
        lines += ["Starts:", "", *pretrainings(results), ""]
        machines = sorted({f"{r['machine']}, torch {r['versions']['torch']}" for r in results})
        lines += ["Run on: " + "; ".join(machines) + ".", ""]
    if not_run:
        lines += ["### Not run", "", *[f"- {line}" for line in not_run], ""]
    page.write_text(before + "\n".join([*lines, END]) + after, encoding="utf-8")
