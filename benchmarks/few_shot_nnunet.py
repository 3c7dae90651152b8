"""nnU-Net v2, 2-D, trained for a given time; few_shot.py runs it with the Python that has it.

As published but for its length: its plans, augmentation, loss, optimizer and mirroring. Planning
and preprocessing are outside the time. It never validates, which leaves it more steps.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from few_shot_peer import Budget, Case, arguments, read_cases, write_training

DATASET = "Dataset001_FewShot"
SPACING = (10.0, 1.0, 1.0)  # unknown; slices lie further apart than pixels, so that it cuts there
FOLDERS = {"nnUNet_raw": "raw", "nnUNet_preprocessed": "ready", "nnUNet_results": "results"}


def main() -> None:
    args = arguments(__doc__.splitlines()[0])
    home = args.cases / "nnunet"
    for name, folder in FOLDERS.items():
        (home / folder).mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(home / folder)
    os.environ |= dict.fromkeys(("nnUNet_n_proc_DA", "nnUNet_def_n_proc"), str(args.threads))
    import torch

    plans = home / "ready" / DATASET / "nnUNetPlans.json"
    if not plans.is_file():
        write_raw(home / "raw" / DATASET, read_cases(args.cases / "train"))
        plan()
    # Views are drawn in the training's own process, so that the processor's clock sees them.
    os.environ |= {"nnUNet_n_proc_DA": "0"}
    torch.set_num_threads(args.threads)
    np.random.seed(args.seed)  # noqa: NPY002 -- its augmentation draws from there
    torch.manual_seed(args.seed)
    trainer = trainer_of(plans)
    budget = Budget(args.seconds, args.clock)
    trainer.network.train()
    for factor in budget.poly():
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * factor
        trainer.train_step(next(trainer.dataloader_train))
    spent = budget.spent()
    args.out.mkdir(parents=True, exist_ok=True)
    answer(trainer, read_cases(args.cases / "test"), args.out)
    write_training(args.out, spent, budget.steps, ("nnunetv2", "torch"))


def write_raw(folder: Path, cases: list[Case]) -> None:
    """The data set as nnU-Net wants it."""
    import nibabel as nib

    affine = np.diag([*SPACING[::-1], 1.0])
    for name, array, suffix in (("imagesTr", "pixels", "_0000"), ("labelsTr", "labels", "")):
        (folder / name).mkdir(parents=True)
        for case in cases:
            image = nib.Nifti1Image(getattr(case, array).T, affine)
            nib.save(image, folder / name / f"{case.subject}{suffix}.nii.gz")
    told = {
        "channel_names": {"0": "MR"},
        "labels": {"background": 0, "LV": 1, "MYO": 2},
        "numTraining": len(cases),
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(told))


def plan() -> None:
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    extract_fingerprints([1], num_processes=1)
    plan_experiments([1])
    preprocess([1], configurations=("2d",), num_processes=[1])


def trainer_of(plans: Path):
    """A trainer that is ready for its first step; fold 'all' learns from every subject."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    planned = json.loads(plans.read_text()) | {"continue_training": False}
    told = json.loads((plans.parent / "dataset.json").read_text())
    trainer = nnUNetTrainer(planned, "2d", "all", told, device=torch.device("cpu"))
    trainer.initialize()
    trainer.on_train_start()
    return trainer


def answer(trainer, cases: list[Case], out: Path) -> None:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor = nnUNetPredictor(
        use_mirroring=True,
        perform_everything_on_device=False,
        device=torch.device("cpu"),
        allow_tqdm=False,
    )
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        trainer.dataset_json,
        type(trainer).__name__,
        trainer.inference_allowed_mirroring_axes,
    )
    for case in cases:
        found = predictor.predict_single_npy_array(case.pixels[None], {"spacing": list(SPACING)})
        np.save(out / f"{case.subject}.npy", np.asarray(found, np.uint8))


if __name__ == "__main__":
    main()
