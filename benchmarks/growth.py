"""What it takes for a finished run to grow, against a fresh run with the same flags.

python benchmarks/growth.py [--flagfile_of=experiments/wisconsin_breast_cancer.flags]

Runs the experiment with five members per family, and lets copies of it grow: a sixth member, a
further family, another error rate, one more measure. For each it prints the processor time of
growing, which other programs on the machine hardly change, that of a fresh run with these flags,
their ratio, the ratio of wall time, how many members were trained, and whether matrices and
dispersions have the same bytes. It ends with exit code 1 where a ratio of processor time is not
below a third, something was trained twice, or bytes differ.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import app, flags

_FLAGFILE = flags.DEFINE_string(
    "flagfile_of", "experiments/wisconsin_breast_cancer.flags", "the experiment"
)
_FURTHER = "late_gelu: @0 activation=relu loss=binary_crossentropy; @1 activation=gelu"
_MEASURES = "cka.linear,cka.linear.debiased,procrustes.angular,rsa.spearman"
_CHANGES = {
    "a sixth member": ["--members=6"],
    "a further family": [f"--family={_FURTHER}"],
    "--alpha=0.1": ["--alpha=0.1"],
    "one more measure": [f"--measures={_MEASURES}"],
}
_MOST = 1 / 3


def run(run_dir: Path, *arguments: str) -> tuple[float, float]:
    """Run the experiment; return seconds of processor time and of wall time."""
    command = [sys.executable, "-m", "akp_keras.main", f"--flagfile={_FLAGFILE.value}"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [*command, f"--run_dir={run_dir}", "--members=5", *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.perf_counter() - began


def results(run_dir: Path) -> dict[str, bytes]:
    """Return the files that must not depend on how a run came to be."""
    files = [*run_dir.glob("similarity/*/*.npz"), run_dir / "dispersion.json"]
    return {str(path.relative_to(run_dir)): path.read_bytes() for path in files}


def trained(run_dir: Path) -> dict[Path, int]:
    """Return when each member was written, by its path below the run."""
    members = run_dir.glob("members/*/*/checksums.json")
    return {path.relative_to(run_dir): path.stat().st_mtime_ns for path in members}


def main(_: list[str]) -> None:
    """Print the table."""
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        finished = Path(scratch) / "finished"
        print(f"a fresh run of {_FLAGFILE.value} with 5 members: {run(finished)[0]:.1f} s")
        print("| change | grown (s) | fresh (s) | ratio | of wall time | trained | same bytes |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for number, (change, arguments) in enumerate(_CHANGES.items()):
            grown, fresh = (Path(scratch) / f"{kind}{number}" for kind in ("grown", "fresh"))
            shutil.copytree(finished, grown)
            before = trained(grown)
            (seconds, wall), (whole, whole_wall) = run(grown, *arguments), run(fresh, *arguments)
            after = trained(grown)
            again = [path for path in before if after[path] != before[path]]
            same = results(grown) == results(fresh)
            print(
                f"| {change} | {seconds:.1f} | {whole:.1f} | {seconds / whole:.2f} | "
                f"{wall / whole_wall:.2f} | {len(after) - len(before)} of {len(after)} | "
                f"{'yes' if same else 'NO'} |",
                flush=True,
            )
            failed |= seconds / whole >= _MOST or bool(again) or not same
    sys.exit(failed)


if __name__ == "__main__":
    app.run(main)
