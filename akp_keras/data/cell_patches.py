"""Synthetic patches of cells in haematoxylin and eosin, drawn with NumPy alone.

No patch is an image of a patient. A patch has 32 × 32 pixels of about 1 µm. Its latent severity,
from 0 to 1, sets what a pathologist grades by eye: nuclei grow, vary more in size and outline
(pleomorphism), crowd and overlap, take up more haematoxylin (hyperchromasia) and show nucleoli.
The class sets only the distribution of the severity, so the classes overlap and no classifier can
be perfect:

    severity | non_cancer ~ Beta(2, 7),    severity | cancer ~ Beta(7, 2)

The best rule given the severity (cancer above 1/2) is correct with probability 247/256. Features
without information about the class vary too: stains and light between patches, fibres, clefts,
and in one of four patches some small, dark, round lymphocytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from akp_keras.data.stained_tissue import (
    IMAGE_SIZE,
    OUTLINE_HARMONICS,
    Nuclei,
    draw_stroma,
    lay_nuclei,
    photograph,
)

CLASS_NAMES = ("non_cancer", "cancer")

_SEVERITY_BETA = {0: (2.0, 7.0), 1: (7.0, 2.0)}

# Patches are drawn in blocks with one random stream each: the first samples of a split do not
# depend on the number of samples, and the arrays of a block fit into a processor's cache.
_BLOCK = 128
_TISSUE_NUCLEI = 17
_LYMPHOCYTES = 6


@dataclass(frozen=True)
class CellPatches:
    """Drawn patches, in alternating classes.

    Attributes:
        images: (n, 32, 32, 3) uint8, red, green, blue.
        labels: (n,) int64, 0 for non_cancer and 1 for cancer, in equal numbers.
        severity: (n,) float64 in [0, 1], the latent grade.
    """

    images: np.ndarray
    labels: np.ndarray
    severity: np.ndarray


def draw_cell_patches(count: int, *, seed: int, stream: int = 0) -> CellPatches:
    """Draw synthetic patches; the same arguments produce the same bytes.

    Args:
        count: number of patches; the classes alternate.
        seed: from 0; patches of different seeds are independent.
        stream: from 0; streams of one seed are independent (one stream per split).

    Returns:
        The patches.

    Raises:
        ValueError: if `count` is less than 1.
    """
    if count < 1:
        raise ValueError(f"count={count} must be at least 1")
    blocks = [
        _draw_block(np.random.default_rng([seed, stream, number]))
        for number in range(-(-count // _BLOCK))
    ]
    return CellPatches(
        images=np.concatenate([block.images for block in blocks])[:count],
        labels=np.concatenate([block.labels for block in blocks])[:count],
        severity=np.concatenate([block.severity for block in blocks])[:count],
    )


def _draw_block(rng: np.random.Generator) -> CellPatches:
    labels = np.arange(_BLOCK) % len(CLASS_NAMES)
    severity = np.empty(_BLOCK)
    for label, (a, b) in _SEVERITY_BETA.items():
        severity[labels == label] = rng.beta(a, b, np.count_nonzero(labels == label))

    tissue = draw_stroma(rng, _BLOCK)
    tissue = lay_nuclei(rng, tissue, _tissue_nuclei(rng, severity))
    tissue = lay_nuclei(rng, tissue, _lymphocytes(rng))
    return CellPatches(images=photograph(rng, tissue), labels=labels, severity=severity)


def _tissue_nuclei(rng: np.random.Generator, severity: np.ndarray) -> Nuclei:
    shape = (_BLOCK, _TISSUE_NUCLEI)
    grade = severity[:, None]

    # Features of a patch deviate from its severity, so that no single feature equals it.
    def patch_level(at_zero: float, at_one: float, noise: float) -> np.ndarray:
        return at_zero + (at_one - at_zero) * grade + noise * rng.standard_normal((_BLOCK, 1))

    count = np.clip(np.rint(patch_level(7.5, 13.0, 2.0)), 4, _TISSUE_NUCLEI)
    spread = np.clip(patch_level(0.08, 0.30, 0.03), 0.04, None)
    radius = patch_level(2.6, 4.2, 0.25) * np.exp(spread * rng.standard_normal(shape))
    radius = np.clip(radius, 1.6, 7.0)
    waviness = np.clip(patch_level(0.02, 0.13, 0.015), 0.01, None)
    nucleolated = rng.random(shape) < patch_level(0.0, 0.85, 0.06)
    darkness = np.clip(patch_level(0.45, 0.75, 0.08), 0.3, None)
    darkness = darkness * np.exp((0.06 + 0.14 * grade) * rng.standard_normal(shape))
    x, y = _spread_out(rng, radius, overlap=0.05 + 0.35 * grade)
    return Nuclei(
        present=np.arange(_TISSUE_NUCLEI) < count,
        x=x,
        y=y,
        radius=radius,
        elongation=1.05 + (0.4 + 0.4 * grade) * rng.random(shape),
        angle=rng.uniform(0.0, np.pi, shape),
        waves=_outline_waves(rng, waviness),
        haematoxylin=darkness,
        chromatin=np.clip(patch_level(0.10, 0.24, 0.03), 0.05, None) + np.zeros(shape),
        rim=rng.uniform(0.15, 0.45, shape),
        nucleolus=nucleolated * rng.uniform(0.4, 0.7, shape),
    )


def _outline_waves(rng: np.random.Generator, waviness: np.ndarray) -> np.ndarray:
    shape = (len(OUTLINE_HARMONICS), _BLOCK, _TISSUE_NUCLEI)
    amplitudes = waviness * rng.standard_normal(shape)
    amplitudes = amplitudes * 2.0 / np.reshape(OUTLINE_HARMONICS, (-1, 1, 1))
    phases = rng.uniform(0.0, 2.0 * np.pi, shape)
    return (amplitudes * np.exp(1j * phases)).astype(np.complex64)


def _lymphocytes(rng: np.random.Generator) -> Nuclei:
    shape = (_BLOCK, _LYMPHOCYTES)
    inflamed = rng.random((_BLOCK, 1)) < 0.25
    radius = rng.normal(2.0, 0.12, shape)
    return Nuclei(
        present=inflamed & (rng.random(shape) < 0.7),
        x=rng.uniform(0.0, IMAGE_SIZE, shape),
        y=rng.uniform(0.0, IMAGE_SIZE, shape),
        radius=radius,
        elongation=rng.uniform(1.0, 1.15, shape),
        angle=rng.uniform(0.0, np.pi, shape),
        waves=np.zeros((len(OUTLINE_HARMONICS), *shape), np.complex64),
        haematoxylin=rng.normal(0.95, 0.08, shape),
        chromatin=np.full(shape, 0.12),
        rim=np.zeros(shape),
        nucleolus=np.zeros(shape),
    )


def _spread_out(
    rng: np.random.Generator, radius: np.ndarray, overlap: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place centres and pushes neighbours apart until they overlap by at most the given share."""
    margin = 2.0
    place = rng.uniform(-margin, IMAGE_SIZE + margin, (2, *radius.shape))
    wanted = (radius[:, :, None] + radius[:, None, :] + 1.0) * (1.0 - overlap[:, :, None])
    for _ in range(12):
        apart = place[:, :, :, None] - place[:, :, None, :]
        distance = np.sqrt((apart**2).sum(axis=0)) + 1e-6
        push = np.clip(wanted - distance, 0.0, None) / distance
        place = place + 0.25 * (push * apart).sum(axis=-1)
        place = np.clip(place, -margin, IMAGE_SIZE + margin)
    return place[0], place[1]
