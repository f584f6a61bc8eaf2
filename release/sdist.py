# SPDX-License-Identifier: BSD-3-Clause
"""The source distribution, the same bytes whenever and wherever it is made from the same files."""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

from setuptools.command.sdist import sdist

# The time of every file where SOURCE_DATE_EPOCH gives none: 2020-02-02, as other build tools have it
EPOCH = 1_580_601_600


def archive(folder: Path, target: Path) -> None:
    """Pack a folder by sorted names, without owners, with one time and two modes for all files."""
    time = int(os.environ.get("SOURCE_DATE_EPOCH") or EPOCH)

    def normal(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = time
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    # the name of the file, which gzip would record, may have the folder of the builder in it
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=time) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in [folder, *sorted(folder.rglob("*"))]:
            tar.add(path, path.relative_to(folder.parent).as_posix(), recursive=False, filter=normal)


class ReproducibleSdist(sdist):
    """Setuptools' command, which keeps the times, modes and owners of the files, with an archive that does not."""

    def make_archive(  # type: ignore[override]
        self,
        base_name: str,
        format: str,
        root_dir: str | None = None,
        base_dir: str | None = None,
        owner: str | None = None,
        group: str | None = None,
    ) -> str:
        """Pack the tree that setuptools has laid out; the arguments are distutils'."""
        assert base_dir is not None
        target = Path(f"{base_name}.tar.gz")
        archive(Path(base_dir), target)
        return str(target)
