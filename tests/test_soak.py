"""The short form of `benchmarks/soak.py`: killed runs and hostile files, a few of each."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import environment, toy_model

SOAK = Path(__file__).parent.parent / "benchmarks" / "soak.py"


def soak(tmp_path: Path, *args: str) -> str:
    toy_model().save(tmp_path / "toy.model")
    command = [sys.executable, str(SOAK), *args, "--model", str(tmp_path / "toy.model")]
    done = subprocess.run(command, capture_output=True, env=environment(), text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def needs_proc() -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc")


def test_killed_runs_end_with_the_same_bytes(tmp_path: Path) -> None:
    shown = soak(tmp_path, "kill", "--runs", "2", "--pages", "120")
    match = re.fullmatch(r"2 runs of 120 pages, (\d+) kills \(.*\): 2 x the same bytes\n", shown)
    assert match and int(match[1]) >= 2


def test_good_pages_among_hostile_files(tmp_path: Path) -> None:
    shown = soak(tmp_path, "mixed", "--good", "60", "--bad", "15")
    assert shown.endswith("60 good: 60 right; 15 hostile: 12 errors, 3 empty; exit code 1\n")
