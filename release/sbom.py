# SPDX-License-Identifier: BSD-3-Clause
"""Put a bill of materials into each wheel of a folder: what of others is in it (PEP 770, CycloneDX).

A library that a wheel carries and that is not listed here is an error, so that nothing is passed on unseen.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import sys
import zipfile
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import Any

# The start of a file's name, what it is, and its licence
LIBRARIES = {
    "libgomp": ("GNU OpenMP runtime", {"expression": "GPL-3.0-or-later WITH GCC-exception-3.1"}),
    "libomp": ("LLVM OpenMP runtime", {"expression": "Apache-2.0 WITH LLVM-exception"}),
    "vcomp140": (
        "Microsoft Visual C++ OpenMP runtime",
        {"license": {"name": "Microsoft Visual Studio, distributable code"}},
    ),
}
EXTENSION = re.compile(r"\.(so|pyd)$")
LIBRARY = re.compile(r"\.(so(\.\d+)*|dylib|dll)$")
CYTHON = re.compile(rb"\b_cython_(\d+)_(\d+)_(\d+)")  # how its modules name the types that they share


def materials(files: dict[str, bytes]) -> dict[str, Any]:
    """The bill as CycloneDX, from the names and the bytes of a wheel's files."""
    metadata = Parser().parsestr(next(text for name, text in files.items() if name.endswith("/METADATA")).decode())
    name, version = metadata["Name"], metadata["Version"]
    components = []
    for path, content in sorted(files.items()):
        if path.startswith(f"{name}/") and EXTENSION.search(path):
            components.append(_cython(content))
        elif LIBRARY.search(path):
            components.append(_library(PurePosixPath(path).name, content))
    unique = {component["bom-ref"]: component for component in components}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": f"pkg:pypi/{name}@{version}",
                "name": name,
                "version": version,
                "description": metadata["Summary"],
                "licenses": [{"expression": metadata["License-Expression"]}],
                "purl": f"pkg:pypi/{name}@{version}",
            }
        },
        "components": list(unique.values()),
        "dependencies": [{"ref": f"pkg:pypi/{name}@{version}", "dependsOn": list(unique)}],
    }


def _cython(module: bytes) -> dict[str, Any]:
    found = CYTHON.search(module)
    if found is None:
        raise SystemExit("a module of the wheel does not tell which Cython made it")
    version = b".".join(found.groups()).decode()
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/cython@{version}",
        "name": "Cython",
        "version": version,
        "description": "The C code that it adds to the modules it compiles",
        "licenses": [{"expression": "Apache-2.0"}],
        "purl": f"pkg:pypi/cython@{version}",
    }


def _library(file: str, content: bytes) -> dict[str, Any]:
    start = next((start for start in LIBRARIES if re.match(rf"{start}\b", file)), None)
    if start is None:
        raise SystemExit(f"the wheel carries {file}, which release/sbom.py does not know: add its licence there")
    name, licence = LIBRARIES[start]
    # LLVM's is the one that libomp.sh builds; the others come with the compiler, and their hash tells which they are
    script = Path(__file__).with_name("libomp.sh").read_text(encoding="utf-8")
    version = re.findall(r"^VERSION=(.+)$", script, flags=re.MULTILINE)[0] if start == "libomp" else None
    return {
        "type": "library",
        "bom-ref": file,
        "name": name,
        **({"version": version} if version else {}),
        "licenses": [licence],
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}],
        "properties": [{"name": "mlefast:file", "value": file}],
    }


def add(wheel: Path) -> None:
    """Write the wheel again with the bill in its .dist-info/sboms, and the bill in its RECORD."""
    with zipfile.ZipFile(wheel) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist() if not entry.is_dir()]
    files = {entry.filename: content for entry, content in entries}
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    path = record.replace("RECORD", "sboms/mlefast.cdx.json")
    bill = json.dumps(materials(files), indent=1).encode() + b"\n"
    digest = base64.urlsafe_b64encode(hashlib.sha256(bill).digest()).rstrip(b"=").decode()
    rows = [row for row in csv.reader(io.StringIO(files[record].decode())) if row[0] != path]
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([*rows, [path, f"sha256={digest}", len(bill)]])
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for entry, content in entries:
            if entry.filename == record:
                added = zipfile.ZipInfo(path, entry.date_time)
                added.external_attr = 0o100644 << 16
                archive.writestr(added, bill, zipfile.ZIP_DEFLATED)
                content = table.getvalue().encode()
            if entry.filename != path:
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        for wheel in sorted(Path(folder).glob("*.whl")):
            add(wheel)
