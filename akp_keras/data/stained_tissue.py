"""Stained tissue: concentrations of haematoxylin and eosin, and the light that they transmit.

Colours follow the law of Beer and Lambert with the stain vectors of Ruifrok and Johnston,
"Quantification of histochemical staining by color deconvolution", Anal Quant Cytol Histol 23
(2001) 291-299: light is reduced to 10^-(sum of concentration × optical density), per colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IMAGE_SIZE = 32
OUTLINE_HARMONICS = (2, 3, 4, 5)  # the first would only move the centre

# Ruifrok and Johnston 2001: optical density of red, green and blue per unit of each stain.
_HAEMATOXYLIN = np.array([0.650, 0.704, 0.286])
_EOSIN = np.array([0.072, 0.990, 0.105])


@dataclass(frozen=True)
class Tissue:
    """Concentrations of the stains, (patches, 32, 32), from 0."""

    haematoxylin: np.ndarray
    eosin: np.ndarray


@dataclass(frozen=True)
class Nuclei:
    """Nuclei to lay over tissue, arrays (patches, nuclei); lengths in pixels, angles in radians.

    Attributes:
        present: whether the nucleus exists.
        x, y: centre.
        radius: geometric mean of the semi-axes.
        elongation: ratio of the long to the short semi-axis.
        angle: angle of the long semi-axis.
        waves: (OUTLINE_HARMONICS, patches, nuclei) complex, the outline's deviation from the
            ellipse as amplitudes and phases of its harmonics, relative to the radius.
        haematoxylin: concentration.
        chromatin: contrast of the texture inside.
        rim: how much darker the membrane is than the inside.
        nucleolus: concentration added at the nucleolus; 0 for none.
    """

    present: np.ndarray
    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    elongation: np.ndarray
    angle: np.ndarray
    waves: np.ndarray
    haematoxylin: np.ndarray
    chromatin: np.ndarray
    rim: np.ndarray
    nucleolus: np.ndarray


def draw_stroma(rng: np.random.Generator, patches: int) -> Tissue:
    """Draw cytoplasm and collagen: clouds, wavy parallel fibres and pale clefts."""
    rows, columns = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float32)

    def each(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (patches, 1, 1)).astype(np.float32)

    angle, pitch = each(0.0, np.pi), each(0.7, 1.5)
    course = columns * np.cos(angle) + rows * np.sin(angle)
    fibres = np.sin(pitch * course + 2.0 * _clouds(rng, patches, 6) + each(0.0, 2.0 * np.pi))
    eosin = each(0.20, 0.40) * (
        1.0 + 0.18 * _clouds(rng, patches, 5) + 0.08 * _clouds(rng, patches, 16)
    )
    eosin = eosin * (1.0 + each(0.0, 0.22) * fibres)
    clefts = _soft_step(6.0 * (_clouds(rng, patches, 7) - each(1.3, 3.0)))
    return Tissue(
        haematoxylin=0.05 + 0.03 * _clouds(rng, patches, 8),
        eosin=np.clip(eosin * (1.0 - 0.85 * clefts), 0.02, None),
    )


def lay_nuclei(rng: np.random.Generator, tissue: Tissue, nuclei: Nuclei) -> Tissue:
    """Lay nuclei over tissue, one after another; where two overlap, the darker one is visible."""
    patches, count = nuclei.present.shape
    rows, columns = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float32)
    haematoxylin, eosin = tissue.haematoxylin, tissue.eosin
    texture = _clouds(rng, patches, 20)

    for index in range(count):

        def of(values: np.ndarray, index: int = index) -> np.ndarray:
            return values[:, index, None, None].astype(np.float32)

        right, down = columns - of(nuclei.x), rows - of(nuclei.y)
        cosine, sine = np.cos(of(nuclei.angle)), np.sin(of(nuclei.angle))
        stretch = np.sqrt(of(nuclei.elongation))
        along = (right * cosine + down * sine) / stretch
        across = (down * cosine - right * sine) * stretch
        distance = np.hypot(along, across)
        direction = (along + 1j * across) / (distance + 1e-6)
        waves = np.zeros_like(direction)
        for wave in nuclei.waves[::-1]:
            waves = (waves + wave[:, index, None, None]) * direction
        outline = 1.0 + (waves * direction).real
        inside = of(nuclei.radius) * outline - distance
        mask = of(nuclei.present) * _soft_step(inside * 2.2)
        rim = 1.0 + of(nuclei.rim) * np.exp(-((inside - 0.6) ** 2))
        spot = of(nuclei.nucleolus) * np.exp(
            -((along - 0.25 * of(nuclei.radius)) ** 2 + across**2) / (0.09 * of(nuclei.radius) ** 2)
        )
        body = of(nuclei.haematoxylin) * rim * (1.0 + of(nuclei.chromatin) * texture) + spot
        haematoxylin = np.maximum(haematoxylin, mask * body)
        eosin = eosin * (1.0 - 0.55 * mask)
    return Tissue(haematoxylin=haematoxylin, eosin=eosin)


def photograph(rng: np.random.Generator, tissue: Tissue) -> np.ndarray:
    """Simulate light through stained tissue; stains, light and cameras vary between patches.

    Returns:
        (patches, 32, 32, 3) uint8.
    """
    patches = len(tissue.eosin)

    def stain(vector: np.ndarray, yellow: float) -> np.ndarray:
        varied = np.clip(vector + rng.normal(0.0, 0.03, (patches, 3)), 0.01, None)
        varied[:, 2] += yellow * rng.uniform(0.3, 1.0, patches)
        strength = rng.uniform(0.85, 1.15, (patches, 1))
        return (strength * varied / np.linalg.norm(varied, axis=1, keepdims=True))[:, None, None, :]

    # Many eosins absorb more blue than the one measured in the paper.
    density = tissue.haematoxylin[..., None] * stain(_HAEMATOXYLIN, yellow=0.0)
    density = density + tissue.eosin[..., None] * stain(_EOSIN, yellow=0.5)
    light = rng.uniform(236.0, 250.0, (patches, 1, 1, 1)) * 10.0**-density
    light = np.einsum("ri,nijk,sj->nrsk", _BLUR, light, _BLUR, optimize=True)
    light = light + rng.normal(0.0, 2.0, light.shape)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator, patches: int, cells: int) -> np.ndarray:
    """Return smooth noise, (patches, 32, 32) float32, of unit variance; more cells, finer."""
    weights = _interpolation(cells)
    grid = rng.standard_normal((patches, cells, cells)).astype(np.float32)
    noise = weights @ grid @ weights.T
    return noise / noise.std()


def _interpolation(cells: int) -> np.ndarray:
    """Return (32, `cells`) smooth weights of the grid points, one row per pixel."""
    position = np.linspace(0.0, cells - 1.0, IMAGE_SIZE)
    weights = np.exp(-((position[:, None] - np.arange(cells)) ** 2) / (2.0 * 0.6**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _blur_matrix() -> np.ndarray:
    """Return the blur of the lens: [1, 4, 1] / 6 along an axis, with repeated edges."""
    padded = np.eye(IMAGE_SIZE)[np.clip(np.arange(-1, IMAGE_SIZE + 1), 0, IMAGE_SIZE - 1)]
    return (padded[:-2] + 4.0 * padded[1:-1] + padded[2:]) / 6.0


_BLUR = _blur_matrix()


def _soft_step(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(x))
