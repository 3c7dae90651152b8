"""Show the whole traceback of one case of a campaign: READER CASE [SEED]."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import warnings
from pathlib import Path

from tests.fuzz.campaign import lay_out, spoilt
from tests.fuzz.readers import READERS


def main() -> None:
    """Read one mutated file with nothing caught; it is left where the printed line says."""
    name, case, seed = sys.argv[1], sys.argv[2], (*sys.argv[3:], "0")[0]
    warnings.simplefilter("ignore")
    (reader,) = (r for r in READERS if r.name == name)
    home = Path(tempfile.mkdtemp(prefix="fuzz-replay-"))
    os.chdir(home)
    whole = reader.seeds(home / "seeds")
    lay_out(home / "case", spoilt(whole, random.Random(f"{seed} {name} {case}")))
    (home / "out").mkdir()
    sys.stdout.write(f"{home / 'case'}\n")
    reader.read(home / "case", home / "out")


if __name__ == "__main__":
    main()
