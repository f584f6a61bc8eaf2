# SPDX-License-Identifier: BSD-3-Clause
"""The programs that make what is published: the same bytes twice, and a wheel that says what is in it."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "release" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- the source distribution


def tree(folder: Path, names: list[str], mode: int, time: int) -> Path:
    """The same files, in another order of making, with other rights and times."""
    for name in names:
        path = folder / "mlefast-1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
        os.utime(path, (time, time))
    return folder / "mlefast-1"


def test_an_archive_has_the_same_bytes_whoever_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = load("sdist").archive
    names = ["b/c.py", "a.py", "b/a.py"]
    first, second = tree(tmp_path / "1", names, 0o600, 10**9), tree(tmp_path / "2", names[::-1], 0o664, 1_600_000_000)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    archive(first, tmp_path / "first.tar.gz")
    archive(second, tmp_path / "second.tar.gz")
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "second.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "first.tar.gz") as tar:
        files = [entry for entry in tar if entry.isfile()]
        assert [entry.name for entry in files] == ["mlefast-1/a.py", "mlefast-1/b/a.py", "mlefast-1/b/c.py"]
        assert {(entry.mode, entry.uid, entry.uname) for entry in files} == {(0o644, 0, "")}
        assert tar.extractfile(files[0]).read() == b"a.py"


def test_source_date_epoch_is_the_time_of_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    load("sdist").archive(tree(tmp_path, ["a.py"], 0o644, 10**9), tmp_path / "x.tar.gz")
    with tarfile.open(tmp_path / "x.tar.gz") as tar:
        assert {entry.mtime for entry in tar} == {1_700_000_000}


# ---- the bill of materials

METADATA = "Metadata-Version: 2.4\nName: mlefast\nVersion: 1.2\nSummary: Fits\nLicense-Expression: BSD-3-Clause\n\n"
LIBGOMP = b"\x7fELF of libgomp"


def wheel(folder: Path, **more: bytes) -> Path:
    files = {
        "mlefast/_core/_pass_base.abi3.so": b"\x7fELF _cython_3_3_1limited11_nofinalize",
        "mlefast.libs/libgomp-1a2b3c.so.1.0.0": LIBGOMP,
        "mlefast-1.2.dist-info/METADATA": METADATA.encode(),
        "mlefast-1.2.dist-info/RECORD": b"mlefast-1.2.dist-info/RECORD,,\n",
        **more,
    }
    path = folder / "mlefast-1.2-cp311-abi3-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_the_bill_names_what_the_wheel_carries(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    load("sbom").add(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        bill = json.loads(archive.read("mlefast-1.2.dist-info/sboms/mlefast.cdx.json"))
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/mlefast@1.2"
    libgomp, cython = bill["components"]
    assert (cython["name"], cython["version"]) == ("Cython", "3.3.1")
    assert libgomp["licenses"] == [{"expression": "GPL-3.0-or-later WITH GCC-exception-3.1"}]
    assert libgomp["hashes"][0]["content"] == hashlib.sha256(LIBGOMP).hexdigest()


def test_the_record_has_the_bill(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    sbom = load("sbom")
    sbom.add(path)
    once = path.read_bytes()
    sbom.add(path)
    assert path.read_bytes() == once
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        record = list(csv.reader(io.StringIO(archive.read("mlefast-1.2.dist-info/RECORD").decode())))
        (row,) = [row for row in record if row[0].endswith("sboms/mlefast.cdx.json")]
        content = archive.read(row[0])
    digest = base64.urlsafe_b64decode(row[1].removeprefix("sha256=") + "=")
    assert (digest, int(row[2])) == (hashlib.sha256(content).digest(), len(content))


def test_a_library_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    path = wheel(tmp_path, **{"mlefast.libs/libsurprise-1a.so.3": b"?"})
    with pytest.raises(SystemExit, match=r"the wheel carries libsurprise-1a\.so\.3"):
        load("sbom").add(path)
