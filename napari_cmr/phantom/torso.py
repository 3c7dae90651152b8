"""The chest round the heart, in LPS millimetres about its own middle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

# Signal of a balanced steady-state free precession cine, relative to 600 for blood.
BLOOD, MYOCARDIUM, FAT, MUSCLE, LUNG, LIVER, MARROW, AIR = 600, 190, 520, 170, 35, 230, 280, 8


def chest_signal(x: Float32, y: Float32, z: Float32) -> Float32:
    """Signal of the resting chest at LPS points: x to the left, y to the back, z to the head.

    The heart is painted over it, so the mediastinum is filled with fat.
    """
    signal = np.full(x.shape, AIR, np.float32)
    signal[_ellipse(x, y, (0, 0), (175, 118)) < 1] = FAT
    signal[_ellipse(x, y, (0, 0), (160, 104)) < 1] = MUSCLE
    signal[_ellipse(x, y, (0, -4), (62, 74)) < 1] = FAT * 0.75
    for side in (-1, 1):
        lung = _ellipse(x, y, (side * 86, 4), (64, 84)) + ((z - 60) / 150) ** 2
        signal[lung < 1] = LUNG
    diaphragm = _dome(x, y, z, (-45, 5, -150), (125, 100, 112))
    signal[diaphragm < 1] = LIVER
    signal[_dome(x, y, z, (75, 10, -150), (80, 85, 92)) < 1] = MUSCLE * 1.3
    signal[_ellipse(x, y, (0, 66), (22, 20)) < 1] = MARROW
    signal[_ellipse(x, y, (20, 50), (11, 11)) < 1] = BLOOD
    return signal


def _ellipse(
    x: Float32, y: Float32, centre: tuple[float, float], axes: tuple[float, float]
) -> Float32:
    return np.asarray(
        ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2, np.float32
    )


def _dome(
    x: Float32,
    y: Float32,
    z: Float32,
    centre: tuple[float, float, float],
    axes: tuple[float, float, float],
) -> Float32:
    return np.asarray(
        _ellipse(x, y, centre[:2], axes[:2]) + ((z - centre[2]) / axes[2]) ** 2, np.float32
    )


def coil_sensitivity(x: Float32, y: Float32, loss: float) -> Float32:
    """A coil on the left front of the chest: 1 there, less towards the back.

    ``loss`` is the part of the signal that is lost 120 mm away.
    """
    distance = np.hypot(x - 40, y + 95)
    return np.asarray((1 - loss) ** (distance / 120), np.float32)
