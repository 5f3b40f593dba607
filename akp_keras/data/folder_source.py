"""`folder:<path>[size=96]`: images in one subfolder per class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from akp_keras.bracketed_options import split_options
from akp_keras.data.image_file import SUFFIXES, read_image
from akp_keras.data.records import DataSet
from akp_keras.data.samples import Samples
from akp_keras.data.splitting import make_dataset
from akp_keras.files.below import files_below

_SPLITS = ("train", "validation", "test")
_MOST_UNREADABLE = 0.01
_NAMES_SHOWN = 3


def load(name: str, *, data_dir: str | Path | None, seed: int, max_samples: int | None) -> DataSet:
    """Load images, 0 to 255; arguments as in `akp_keras.data.load_dataset`.

    The folder has one subfolder per class, or `train`, `test` and optionally `validation` with
    such subfolders. Images below them are read, of the suffixes .png, .jpg, .jpeg, .tif, .tiff and
    .bmp. Ids are paths below the folder. Images are grey only if all are; otherwise they have
    three channels. Up to 1 % may be unreadable; they are left out, and the description names them.
    """
    folder, size = _folder_and_size(name)
    files = _image_files(folder)
    images: dict[str, np.ndarray] = {}
    unreadable: dict[str, str] = {}
    for file in files:
        try:
            images[file.identity] = read_image(folder / file.identity, size)
        except ValueError as error:
            unreadable[file.identity] = str(error)
    if len(unreadable) > _MOST_UNREADABLE * len(files):
        raise ValueError(
            f"{len(unreadable)} of {len(files)} images cannot be read, more than 1 %: "
            f"{_shown(unreadable)}; repair or remove them"
        )
    _refuse_sizes(folder, images)
    readable = [file for file in files if file.identity in images]
    parts = {split: _samples(split, readable, images) for split in _split_folders(folder)}
    left_out = f" Left out as unreadable: {_shown(unreadable)}." if unreadable else ""
    return make_dataset(
        name,
        f"{len(images):,} images of the folder {folder.name}.{left_out}",
        parts,
        class_names=_class_names(folder),
        seed=seed,
        max_samples=max_samples,
    )


def fingerprint(name: str) -> str:
    """Return a digest of the names and sizes of the images."""
    folder, _ = _folder_and_size(name)
    digest = hashlib.sha256()
    for file in _image_files(folder):
        size = (folder / file.identity).stat().st_size
        digest.update(os.fsencode(f"{file.identity}\0{size}\0"))
    return digest.hexdigest()


@dataclass(frozen=True)
class _ImageFile:
    split: str
    label: str
    identity: str


def _folder_and_size(name: str) -> tuple[Path, int | None]:
    place, options = split_options(name.removeprefix("folder:"), ("size",))
    folder = Path(place).expanduser()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    size = options.get("size")
    if size is not None and not (size.isdecimal() and 0 < int(size) <= 4096):
        raise ValueError(f"size={size} must be a number of pixels from 1 to 4096")
    return folder, None if size is None else int(size)


def _image_files(folder: Path) -> list[_ImageFile]:
    files = [
        _ImageFile(split, class_folder.name, file.relative_to(folder).as_posix())
        for split, parent in _split_folders(folder).items()
        for class_folder in _subfolders(parent)
        for file in files_below(class_folder)
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    ]
    if not files:
        raise ValueError(
            f"{folder} has no images in subfolders; it must have one subfolder per class, with "
            f"files of the suffixes {', '.join(SUFFIXES)}"
        )
    return files


def _split_folders(folder: Path) -> dict[str, Path]:
    names = [path.name for path in _subfolders(folder)]
    if "train" not in names or not _subfolders(folder / "train"):
        return {"train": folder}
    for name in names:
        if name not in _SPLITS:
            raise ValueError(
                f"{folder} has the subfolders train and {name}; beside train there may be "
                "validation and test"
            )
    return {split: folder / split for split in _SPLITS if split in names}


def _class_names(folder: Path) -> tuple[str, ...]:
    parents = _split_folders(folder).values()
    return tuple(sorted({path.name for parent in parents for path in _subfolders(parent)}))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _samples(split: str, files: Sequence[_ImageFile], images: Mapping[str, np.ndarray]) -> Samples:
    files = [file for file in files if file.split == split]
    if not files:
        raise ValueError(f"the {split} split has no images")
    channels = max(image.shape[-1] for image in images.values())
    inputs = (images[file.identity] for file in files)
    return Samples(
        np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in inputs]),
        [file.label for file in files],
        [file.identity for file in files],
    )


def _refuse_sizes(folder: Path, images: Mapping[str, np.ndarray]) -> None:
    (first, image), *others = images.items()
    height, width = image.shape[:2]
    for identity, other in others:
        if other.shape[:2] != (height, width):
            raise ValueError(
                f"images have different sizes, {width} × {height} pixels ({first}) and "
                f"{other.shape[1]} × {other.shape[0]} ({identity}); set one, as in "
                f"'folder:{folder}[size=64]'"
            )


def _shown(unreadable: Mapping[str, str]) -> str:
    names = [f"{identity} ({reason})" for identity, reason in unreadable.items()]
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
