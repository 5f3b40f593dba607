"""Synthetic patches of cells in haematoxylin and eosin, drawn with NumPy alone.

Nothing here is a picture of a patient. A patch is 32 × 32 pixels at about 1 µm a pixel. Its latent
severity, from 0 to 1, sets what a pathologist grades by eye: nuclei grow, vary more in size and
outline (pleomorphism), crowd and overlap, take more haematoxylin (hyperchromasia) and show
nucleoli. The class sets only the distribution of the severity, so the classes overlap and no
classifier can be perfect:

    severity | non_cancer ~ Beta(2, 7),    severity | cancer ~ Beta(7, 2)

The best rule that knew the severity itself (cancer above 1/2) is right with probability 247/256.
What says nothing about the class varies as well: stains and light from patch to patch, fibres,
clefts, and in one patch of four a sprinkle of small, dark, round lymphocytes.

Colours follow the law of Beer and Lambert with the stain vectors of Ruifrok and Johnston,
"Quantification of histochemical staining by color deconvolution", Anal Quant Cytol Histol 23
(2001) 291-299: light falls to 10^-(sum of concentration × optical density), each colour by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLASS_NAMES = ("non_cancer", "cancer")
IMAGE_SIZE = 32

_SEVERITY_BETA = {0: (2.0, 7.0), 1: (7.0, 2.0)}

# Ruifrok and Johnston 2001: optical density of red, green, blue for a unit of each stain.
_HAEMATOXYLIN = np.array([0.650, 0.704, 0.286])
_EOSIN = np.array([0.072, 0.990, 0.105])

# Patches are drawn in blocks of one random stream each: the first samples of a split do not
# depend on how many are asked for, and the arrays of a block fit into a processor's cache.
_BLOCK = 128
_TISSUE_NUCLEI = 17
_LYMPHOCYTES = 6
_HARMONICS = (2, 3, 4, 5)  # the first only moves the centre


@dataclass(frozen=True)
class CellPatches:
    """Drawn patches, classes in turn.

    Attributes:
        images: (n, 32, 32, 3) uint8, red, green, blue.
        labels: (n,) int64, 0 non_cancer, 1 cancer; half of each.
        severity: (n,) float64 in [0, 1], the latent grade.
    """

    images: np.ndarray
    labels: np.ndarray
    severity: np.ndarray


def draw_cell_patches(count: int, *, seed: int, stream: int = 0) -> CellPatches:
    """Draws synthetic patches; the same arguments give the same bytes.

    Args:
        count: how many; the classes take turns, so each has half of them.
        seed: from 0; seeds give independent patches.
        stream: from 0; streams of one seed are independent (one stream a split).

    Returns:
        The patches.

    Raises:
        ValueError: if `count` is less than 1.
    """
    if count < 1:
        raise ValueError(f"count of patches is {count}; at least 1 is needed")
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

    eosin = _stroma(rng)
    nuclei = _tissue_nuclei(rng, severity)
    haematoxylin, eosin = _stain_nuclei(rng, nuclei, eosin)
    haematoxylin, eosin = _stain_nuclei(rng, _lymphocytes(rng), eosin, haematoxylin)
    return CellPatches(
        images=_photograph(rng, haematoxylin, eosin), labels=labels, severity=severity
    )


@dataclass(frozen=True)
class _Nuclei:
    """Nuclei of a block of patches, arrays (patches, nuclei); lengths in pixels, angles in radians.

    Attributes:
        present: whether the nucleus is there.
        x, y: centre.
        radius: geometric mean of the semi-axes.
        elongation: long semi-axis over short.
        angle: of the long semi-axis.
        waves: (harmonics, patches, nuclei) complex, the outline's departure from the ellipse as
            amplitudes and phases of its harmonics, relative to the radius.
        haematoxylin: concentration.
        chromatin: contrast of the texture within.
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


def _tissue_nuclei(rng: np.random.Generator, severity: np.ndarray) -> _Nuclei:
    shape = (_BLOCK, _TISSUE_NUCLEI)
    grade = severity[:, None]

    # What a patch has in common departs from what its severity says: severity is not one feature.
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
    return _Nuclei(
        present=np.arange(_TISSUE_NUCLEI) < count,
        x=x,
        y=y,
        radius=radius,
        elongation=1.05 + np.abs(0.25 + 0.25 * grade) * rng.random(shape) * 1.6,
        angle=rng.uniform(0.0, np.pi, shape),
        waves=_outline_waves(rng, waviness),
        haematoxylin=darkness,
        chromatin=np.clip(patch_level(0.10, 0.24, 0.03), 0.05, None) + np.zeros(shape),
        rim=rng.uniform(0.15, 0.45, shape),
        nucleolus=nucleolated * rng.uniform(0.4, 0.7, shape),
    )


def _outline_waves(rng: np.random.Generator, waviness: np.ndarray) -> np.ndarray:
    shape = (len(_HARMONICS), _BLOCK, _TISSUE_NUCLEI)
    amplitudes = waviness * rng.standard_normal(shape)
    amplitudes = amplitudes * 2.0 / np.reshape(_HARMONICS, (-1, 1, 1))
    phases = rng.uniform(0.0, 2.0 * np.pi, shape)
    return (amplitudes * np.exp(1j * phases)).astype(np.complex64)


def _lymphocytes(rng: np.random.Generator) -> _Nuclei:
    shape = (_BLOCK, _LYMPHOCYTES)
    inflamed = rng.random((_BLOCK, 1)) < 0.25
    radius = rng.normal(2.0, 0.12, shape)
    return _Nuclei(
        present=inflamed & (rng.random(shape) < 0.7),
        x=rng.uniform(0.0, IMAGE_SIZE, shape),
        y=rng.uniform(0.0, IMAGE_SIZE, shape),
        radius=radius,
        elongation=rng.uniform(1.0, 1.15, shape),
        angle=rng.uniform(0.0, np.pi, shape),
        waves=np.zeros((len(_HARMONICS), *shape), np.complex64),
        haematoxylin=rng.normal(0.95, 0.08, shape),
        chromatin=np.full(shape, 0.12),
        rim=np.zeros(shape),
        nucleolus=np.zeros(shape),
    )


def _spread_out(
    rng: np.random.Generator, radius: np.ndarray, overlap: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places centres and pushes neighbours apart until they overlap by the given share only."""
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


def _stain_nuclei(
    rng: np.random.Generator,
    nuclei: _Nuclei,
    eosin: np.ndarray,
    haematoxylin: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Lays nuclei over the tissue; both concentrations are (patches, 32, 32)."""
    rows, columns = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float32)
    if haematoxylin is None:
        haematoxylin = 0.05 + 0.03 * _clouds(rng, 8)
    texture = _clouds(rng, 20)

    for index in range(nuclei.present.shape[1]):

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
    return haematoxylin, eosin


def _stroma(rng: np.random.Generator) -> np.ndarray:
    """Eosin of cytoplasm and collagen: clouds, wavy fibres of one direction, and pale clefts."""
    rows, columns = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float32)

    def each(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (_BLOCK, 1, 1)).astype(np.float32)

    angle, pitch = each(0.0, np.pi), each(0.7, 1.5)
    course = columns * np.cos(angle) + rows * np.sin(angle)
    fibres = np.sin(pitch * course + 2.0 * _clouds(rng, 6) + each(0.0, 2.0 * np.pi))
    eosin = each(0.20, 0.40) * (1.0 + 0.18 * _clouds(rng, 5) + 0.08 * _clouds(rng, 16))
    eosin = eosin * (1.0 + each(0.0, 0.22) * fibres)
    clefts = _soft_step(6.0 * (_clouds(rng, 7) - each(1.3, 3.0)))
    return np.clip(eosin * (1.0 - 0.85 * clefts), 0.02, None)


def _photograph(
    rng: np.random.Generator, haematoxylin: np.ndarray, eosin: np.ndarray
) -> np.ndarray:
    """Light through the stained patch, with the differences between laboratories and cameras."""

    def stain(vector: np.ndarray, yellow: float) -> np.ndarray:
        varied = np.clip(vector + rng.normal(0.0, 0.03, (_BLOCK, 3)), 0.01, None)
        varied[:, 2] += yellow * rng.uniform(0.3, 1.0, _BLOCK)
        strength = rng.uniform(0.85, 1.15, (_BLOCK, 1))
        return (strength * varied / np.linalg.norm(varied, axis=1, keepdims=True))[:, None, None, :]

    # Many eosins take more blue out of the light than the one that was measured there.
    density = haematoxylin[..., None] * stain(_HAEMATOXYLIN, yellow=0.0)
    density = density + eosin[..., None] * stain(_EOSIN, yellow=0.5)
    light = rng.uniform(236.0, 250.0, (_BLOCK, 1, 1, 1)) * 10.0**-density
    light = np.einsum("ri,nijk,sj->nrsk", _BLUR, light, _BLUR, optimize=True)
    light = light + rng.normal(0.0, 2.0, light.shape)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise, (patches, 32, 32) float32, about unit variance; more cells, finer grain."""
    weights = _interpolation(cells)
    grid = rng.standard_normal((_BLOCK, cells, cells)).astype(np.float32)
    noise = weights @ grid @ weights.T
    return noise / noise.std()


def _interpolation(cells: int) -> np.ndarray:
    """Rows of smooth weights of `cells` grid points for each of 32 pixels."""
    position = np.linspace(0.0, cells - 1.0, IMAGE_SIZE)
    weights = np.exp(-((position[:, None] - np.arange(cells)) ** 2) / (2.0 * 0.6**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _blur_matrix() -> np.ndarray:
    """The lens: [1, 4, 1] / 6 along an axis, edges repeated."""
    padded = np.eye(IMAGE_SIZE)[np.clip(np.arange(-1, IMAGE_SIZE + 1), 0, IMAGE_SIZE - 1)]
    return (padded[:-2] + 4.0 * padded[1:-1] + padded[2:]) / 6.0


_BLUR = _blur_matrix()


def _soft_step(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(x))
