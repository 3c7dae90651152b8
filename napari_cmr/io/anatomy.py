"""How a heart usually lies in the chest."""

from __future__ import annotations

import numpy as np

# From base to apex a heart points to the left, the front and the feet (LPS).
TOWARDS_APEX = np.array([1.0, -1.0, -1.0]) / np.sqrt(3)
