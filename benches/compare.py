#!/usr/bin/env python3
"""Measures Trailsift beside its floor and beside other tools, and writes BENCHMARKS.md.

Needs Python 3.9 or newer on Linux, and either a Rust toolchain or --bin-dir. jq, zcat, find and xargs are used where
they are there; DuckDB is put into a virtual environment in the work folder. What is missing gets a line that says so.

The corpora come from the project's own generator and are the same bytes everywhere; a million events take 0.15 GB as
large files and 0.3 GB as small ones. They stay in the work folder; remove it to have them made anew. Within a round
everything runs in turn over the same files, and in reverse in every second round. Figures are CPU seconds (user and
system) of the whole tree of processes.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import compare_report
from compare_works import Corpus, Work, works

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPES = {"large": 1000, "small": 20}


class Refusal(Exception):
    """Why something is not run, in one sentence."""


@dataclasses.dataclass
class Run:
    """What one run took: seconds and bytes, with the floor's CPU seconds of the same round."""

    cpu: float
    wall: float
    peak: int
    floor: float = 0.0


def main():
    options = read_options()
    try:
        bench = Bench(options)
        results = [bench.compare(bench.corpus(shape, events)) for events in options.events for shape in options.shapes]
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        sys.exit(130)
    text = compare_report.page(bench.machine(), options, results)
    options.output.write_text(text)
    raw = [{**dataclasses.asdict(corpus), "works": raw_works(measured)} for corpus, measured in results]
    (bench.work / "runs.json").write_text(json.dumps(raw, indent=1))
    print(f"written: {options.output} (each single run: {bench.work / 'runs.json'})")


def raw_works(measured):
    return [
        {"name": work.name, "threads": work.threads, "runs": outcome if isinstance(outcome, str) else [vars(run) for run in outcome]}
        for work, outcome in measured
    ]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def numbers(text):
        values = [int(word.replace("_", "")) for word in text.split(",")]
        if min(values) < 1:
            raise ValueError
        return values

    def shapes(text):
        words = text.split(",")
        if not set(words) <= set(SHAPES):
            raise ValueError
        return words

    parser.add_argument("--events", type=numbers, default=[100_000, 1_000_000], metavar="N,N", help="sizes (default: 100000,1000000)")
    parser.add_argument("--shapes", type=shapes, default=list(SHAPES), metavar="S,S", help="large: 1,000 events a file; small: 20 (default: both)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds at each size (default: 5)")
    parser.add_argument("--slow-events", type=int, default=100_000, metavar="N", help="about how many events other tools read, at the largest size (default: 100000)")
    parser.add_argument("--bin-dir", type=pathlib.Path, metavar="DIR", help="built programs, with examples/ (default: build them with cargo)")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "compare", metavar="DIR", help="corpora and DuckDB (default: target/compare)")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "BENCHMARKS.md", metavar="FILE", help="the page (default: BENCHMARKS.md)")
    parser.add_argument("--memory", default="1GiB", metavar="LIMIT", help="limit for the runs that show --memory (default: 1GiB)")
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS", help="longest that one run may take (default: 1800)")
    parser.add_argument("--no-duckdb", action="store_true", help="leave DuckDB out; nothing is installed then")
    options = parser.parse_args()
    if options.rounds < 1 or options.slow_events < 1:
        parser.error("--rounds and --slow-events need a number above 0")
    if not options.output.absolute().parent.is_dir():
        parser.error(f"--output: there is no folder {options.output.parent}")
    return options


class Bench:
    """The tools, the corpora, and what runs over them."""

    def __init__(self, options):
        self.options = options
        self.work = options.work.absolute()
        try:
            self.work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refusal(f"cannot make the work folder {options.work}: {error.strerror}") from None
        self.tools = {name: path for name in ("jq", "zcat", "find", "xargs") if (path := shutil.which(name))}
        self.absent = {name: f"{name} is not installed" for name in ("jq", "zcat", "find", "xargs") if name not in self.tools}
        self.find_programs()
        self.find_duckdb()
        self.rules = self.write_rules()

    def find_programs(self):
        if self.options.bin_dir is None:
            say("build")
            if not shutil.which("cargo"):
                raise Refusal("cargo is not installed; --bin-dir takes programs that are built already")
            if subprocess.run(["cargo", "build", "--release", "--bins", "--examples"], cwd=ROOT, check=False).returncode != 0:
                raise Refusal("cargo could not build Trailsift")
        target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
        folder = (self.options.bin_dir or target / "release").absolute()
        for name, path in (("trailsift", "trailsift"), ("floor", "examples/floor"), ("generate_logs", "examples/generate_logs")):
            if os.access(folder / path, os.X_OK):
                self.tools[name] = str(folder / path)
            else:
                self.absent[name] = f"no program {path} in the folder of the built programs"
                print(f"note: {self.absent[name]} ({folder})", file=sys.stderr)

    def find_duckdb(self):
        python = self.work / "venv" / "bin" / "python"
        if self.options.no_duckdb:
            self.absent["python"] = "left out by --no-duckdb"
            return
        try:
            if not python.exists():
                say("put DuckDB into a virtual environment")
                subprocess.run([sys.executable, "-m", "venv", self.work / "venv"], check=True, capture_output=True)
            if subprocess.run([python, "-c", "import duckdb"], capture_output=True, check=False).returncode != 0:
                subprocess.run([python, "-m", "pip", "install", "--quiet", "duckdb"], check=True, capture_output=True)
            self.tools["python"] = str(python)
        except (OSError, subprocess.CalledProcessError):
            self.absent["python"] = "DuckDB could not be installed with pip"
            print(f"note: {self.absent['python']}", file=sys.stderr)

    def write_rules(self):
        """A folder of 100 rules, each on a call that is rare or absent in the corpora, as calls that matter are."""
        folder = self.work / "rules-100"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        things = "Bucket Key Trail Detector Cluster Table Queue Topic Alarm Domain Repository Secret Stack Function Image Snapshot Volume Route Gateway Certificate"
        calls = [verb + thing for verb in ("Create", "Delete", "Update", "Disable", "Share") for thing in things.split()]
        for number, call in enumerate(calls, 1):
            (folder / f"BENCH-{number:03}_{call}.yml").write_text(
                f"id: BENCH-{number:03}\ntitle: {call} was called\nseverity: low\nkind: single\nattack: []\ncis: []\n"
                f"description: One of a hundred rules to measure with.\nwhere: event_name = '{call}' and error_code is null\n"
                'message: "{principal} called {event_name} from {source_ip_address}"\nfalse_positives: []\nnext_steps: []\nreferences: []\n'
            )
        return folder.name

    def corpus(self, shape, events):
        """Makes the corpus if it is not there; its truth is written last, and so tells that it is whole."""
        folder = self.work / f"{shape}-{events}"
        truth = self.work / f"{folder.name}.truth.json"
        if not truth.exists() or not folder.is_dir():
            if "generate_logs" in self.absent:
                raise Refusal(f"no corpus: {self.absent['generate_logs']}")
            say(f"make {folder.name}")
            shutil.rmtree(folder, ignore_errors=True)
            command = [self.tools["generate_logs"], "corpus", folder.name, "--events", str(events), "--per-file", str(SHAPES[shape])]
            made = subprocess.run(command, cwd=self.work, capture_output=True, text=True, check=False)
            if made.returncode != 0:
                raise Refusal(f"no corpus: {first_line(made.stderr)}")
        facts = json.loads(truth.read_text())
        files = sorted(folder.rglob("*.json.gz"))
        part, part_files = self.part(folder, files, SHAPES[shape])
        return Corpus(
            shape, folder.name, facts["events"], len(files), facts["inflated_bytes"], facts["compressed_bytes"],
            part, part_files, min(facts["events"], part_files * SHAPES[shape]), self.inflated_bytes(self.work / part),
        )

    def part(self, folder, files, per_file):
        """Files at even distances, as hard links, so that the part is like the whole."""
        wanted = max(1, min(len(files), self.options.slow_events // per_file))
        chosen = [files[number * len(files) // wanted] for number in range(wanted)]
        part = self.work / f"{folder.name}-part"
        shutil.rmtree(part, ignore_errors=True)
        for file in chosen:
            target = part / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
        return part.name, len(chosen)

    @staticmethod
    def inflated_bytes(folder):
        # The last four bytes of a member of one member's file.
        return sum(int.from_bytes(file.read_bytes()[-4:], "little") for file in folder.rglob("*.json.gz"))

    def compare(self, corpus):
        """Runs all works in turn; yields each with its runs, or with the reason why there are none."""
        # Other tools read a part of one size, so that they would do the same again at every other.
        largest = corpus.events == max(self.options.events)
        listed = works(corpus, self.rules, self.options.memory, with_others=largest)
        no_case = self.prepare_case(corpus)
        outcomes = [self.obstacle(work) or (no_case if work.needs_case else "") or [] for work in listed]
        self.warm_up(corpus)
        for round_number in range(self.options.rounds):
            order = range(len(listed)) if round_number % 2 == 0 else reversed(range(len(listed)))
            for number in order:
                if isinstance(outcomes[number], str):
                    continue
                say(f"{corpus.folder}, round {round_number + 1}: {listed[number].name}, threads {listed[number].threads}")
                try:
                    outcomes[number].append(self.measure(listed[number]))
                except Refusal as refusal:
                    outcomes[number] = str(refusal)
            self.note_floor(outcomes, round_number)
        shutil.rmtree(self.work / corpus.case, ignore_errors=True)
        return corpus, list(zip(listed, outcomes))

    @staticmethod
    def note_floor(outcomes, round_number):
        floor = outcomes[0]
        if not isinstance(floor, str):
            for runs in outcomes:
                if not isinstance(runs, str):
                    runs[round_number].floor = floor[round_number].cpu

    def obstacle(self, work):
        """Why a work cannot be run, or nothing."""
        for command in work.pipeline:
            if command[0] in self.absent:
                return self.absent[command[0]]
        if work.name.startswith("verify"):
            asked = subprocess.run([self.tools["trailsift"], "verify", "--help"], capture_output=True, check=False)
            return "" if asked.returncode == 0 else "this version has no verify"
        return ""

    def prepare_case(self, corpus):
        if "trailsift" in self.absent:
            return self.absent["trailsift"]
        shutil.rmtree(self.work / corpus.case, ignore_errors=True)
        try:
            self.measure(Work("case", [["trailsift", "investigate", corpus.folder, "--no-builtin", "-q", "--out", corpus.case, "--force"]]))
        except Refusal as refusal:
            return str(refusal)
        return ""

    def warm_up(self, corpus):
        """Reads every file once, so that the first round finds them in memory as the others do."""
        for file in (self.work / corpus.folder).rglob("*.json.gz"):
            file.read_bytes()

    def measure(self, work):
        """Runs a pipeline once, in the work folder."""
        self.remove_made(work)
        with tempfile.TemporaryFile() as errors:
            begun = time.monotonic()
            processes = self.start(work.pipeline, errors)
            timer = threading.Timer(self.options.timeout, lambda: [process.kill() for process in processes])
            timer.start()
            waited = [os.wait4(process.pid, 0) for process in processes]
            wall = time.monotonic() - begun
            timer.cancel()
            for process, (_, status, _) in zip(processes, waited):
                process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            complaint = self.without_paths(first_line(errors.read().decode(errors="replace")))
        self.remove_made(work)
        for command, process in zip(work.pipeline, processes):
            if process.returncode < 0:
                late = f" (after {wall:.0f} s)" if wall >= self.options.timeout else ""
                raise Refusal(f"{command[0]} was ended by signal {-process.returncode}{late}")
            if process.returncode not in work.ends:
                raise Refusal(f"{command[0]} ended with {process.returncode}: {complaint}")
        usages = [usage for _, _, usage in waited]
        return Run(
            cpu=sum(usage.ru_utime + usage.ru_stime for usage in usages),
            wall=wall,
            peak=sum(usage.ru_maxrss for usage in usages) * 1024,
        )

    def remove_made(self, work):
        if work.makes:
            shutil.rmtree(self.work / work.makes, ignore_errors=True)

    def start(self, pipeline, errors):
        processes, before = [], subprocess.DEVNULL
        for number, command in enumerate(pipeline):
            last = number + 1 == len(pipeline)
            process = subprocess.Popen(
                [self.tools[command[0]], *command[1:]],
                cwd=self.work, stdin=before, stdout=subprocess.DEVNULL if last else subprocess.PIPE, stderr=errors,
            )
            if before is not subprocess.DEVNULL:
                before.close()
            before = process.stdout
            processes.append(process)
        return processes

    def without_paths(self, text):
        for path in (self.work, ROOT, pathlib.Path.home()):
            text = text.replace(str(path), ".")
        return text

    def machine(self):
        """Facts for the head of the page, in order."""
        duckdb = "import duckdb; print(duckdb.__version__)"
        return {
            "date": datetime.date.today().isoformat(),
            "processor": f"{cpu_model()}, {os.cpu_count()} cores",
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "rustc": self.version(["rustc", "--version"]),
            "trailsift": self.version(["trailsift", "--version"]),
            "duckdb": self.version(["python", "-c", duckdb]),
            "jq": self.version(["jq", "--version"]),
            "gzip (zcat)": self.version(["zcat", "--version"]),
        }

    def version(self, command):
        try:
            asked = subprocess.run([self.tools.get(command[0], command[0]), *command[1:]], capture_output=True, text=True, check=False)
            return first_line(asked.stdout) if asked.returncode == 0 and command[0] not in self.absent else "not there"
        except OSError:
            return "not there"


def cpu_model():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def first_line(text):
    return next((line.strip() for line in text.splitlines() if line.strip()), "no word of why")


def say(what):
    print(f"{datetime.datetime.now():%H:%M:%S} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
