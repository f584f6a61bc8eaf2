# SPDX-License-Identifier: BSD-3-Clause
"""Pools of processes, several interpreters in one process, free-threaded Python, and what the import does.

Pools of joblib and Dask are in tests/guards, which needs these packages.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mlefast import _core

POOL = Path(__file__).with_name("pool.py")


def run(*arguments: str, **environment: str) -> str:
    """What a new Python prints; it must end by itself, in peace."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=100, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- pools


@pytest.mark.skipif(not _core.openmp()[0], reason="this build has no OpenMP")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_fits_in_a_pool_of_processes(method: str) -> None:
    """GNU's OpenMP hangs for ever in a forked child that starts a team, as children of scikit-learn and XGBoost did."""
    found = json.loads(run(str(POOL), method, OMP_NUM_THREADS="2"))
    assert found["same"]
    if method == "fork":
        assert found["threads"] == [1] and "spawn or forkserver" in found["reasons"][0]
    elif method == "spawn":
        assert found["threads"] == [2]
    else:  # a server that has imported the main program forks children that count as such
        assert found["threads"] in ([1], [2])


def test_workers_take_as_many_threads_as_they_are_told() -> None:
    """Workers that each start a thread per core, whatever OMP_NUM_THREADS says, are slower together than one alone."""
    assert json.loads(run(str(POOL), "spawn", OMP_NUM_THREADS="1"))["threads"] == [1]


FORK_AMONG_THREADS = """
import os, threading, warnings
import mlefast
from mlefast.errors import warnings_as

inside, finished = threading.Event(), threading.Event()

def other():
    with warnings_as("ignore", UserWarning):
        inside.set()
        finished.wait(0.5)

thread = threading.Thread(target=other)
thread.start()
inside.wait()
child = os.fork()  # waits for the other thread, which the child will not have
with warnings_as("ignore", UserWarning):
    if child == 0:
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_inherits_no_lock_that_nobody_will_open() -> None:
    """A lock that another thread holds at the fork stays closed in the child, as those of logging once did."""
    run("-W", "ignore", "-c", FORK_AMONG_THREADS)


# ---- interpreters

INTERPRETERS = """
import sys, warnings
try:
    from concurrent.interpreters import create
    def new(code): create().exec(code)
except ImportError:
    try:
        import _interpreters
        def new(code): assert _interpreters.exec(_interpreters.create(), code) is None
    except ImportError:
        import _xxsubinterpreters
        def new(code): _xxsubinterpreters.run_string(_xxsubinterpreters.create(), code)

CODE = '''
import warnings
warnings.simplefilter("ignore")  # of NumPy, that this is not supported
try:
    import mlefast
    print("fit", mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).params.round(6).tolist(), flush=True)
except ImportError as error:
    print("refused", error, flush=True)
'''
if sys.argv[1] == "main first":
    exec(CODE)
new(CODE)
new(CODE)
"""


@pytest.mark.parametrize("order", ["main first", "sub-interpreters only"])
def test_a_sub_interpreter_works_or_is_refused_in_a_line(order: str) -> None:
    """NumPy works in one interpreter of a process; elsewhere it crashed, and now gives fifty lines of advice."""
    told = run("-c", INTERPRETERS, order).splitlines()
    refusals = [line.startswith("refused") and "interpreter" in line for line in told]
    fits = [line == "fit [-1.362276, 0.908184]" for line in told]
    assert all(fit != refusal for fit, refusal in zip(fits, refusals, strict=True)), told
    assert len(told) == (3 if order == "main first" else 2)
    assert refusals[-1]  # one interpreter at most
    assert fits[0] or order != "main first"


FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@pytest.mark.skipif(not FREE_THREADED, reason="for free-threaded builds of Python, as those that make the wheels")
def test_the_import_leaves_the_global_lock_off() -> None:
    """One extension that does not declare that it can do without turns the lock on for the whole process."""
    code = "import sys, mlefast, mlefast.formula; print(sys._is_gil_enabled())"
    assert run("-W", "error", "-c", code).split() == ["False"]


# ---- the import

IMPORT = """
import os, signal, sys, threading, warnings
import numpy as np, scipy.linalg, scipy.linalg.lapack, narwhals

def state():
    tasks = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
    handlers = {s: signal.getsignal(s) for s in signal.valid_signals()}
    return {
        "threads": (tasks, threading.active_count()), "environment": dict(os.environ), "signals": handlers,
        "warnings": list(warnings.filters), "errors": np.geterr(), "generator": np.random.get_state()[1].tolist(),
        "subnormal numbers": float(np.float64(5e-324) * np.float64(1.0)), "flags": sys.flags,
    }

done = []
def audit(event, arguments):
    if event == "open" and str(arguments[0]).endswith((".py", ".pyc", ".so", ".pyd", ".dll")):
        return
    if event.split(".")[0] in ("open", "socket", "subprocess", "os") and event != "os.listdir":
        done.append((event, *map(str, arguments)))

before = state()
sys.addaudithook(audit)
import mlefast
after, done = state(), tuple(done)
print([name for name in before if before[name] != after[name]], list(done))
"""


def test_the_import_only_chooses_the_instruction_set() -> None:
    """No thread, no file but modules, no setting of the process: libraries built with -ffast-math turned subnormal
    numbers off for everybody, others set KMP_DUPLICATE_LIB_OK, started a pool or read the machine's files."""
    assert run("-c", IMPORT).strip() == "[] []"
