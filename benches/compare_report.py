"""The page that `compare.py` writes: machine, commands, and what came out."""

import math
import shlex
import statistics

INTRODUCTION = """\
# Benchmarks

Written by this command; run it to measure your own machine:

    {command}

The corpora are made by `generate_logs` and are the same bytes everywhere. Times are CPU seconds, user and system, of the
whole tree of processes; each figure is the median of {rounds}, with the least and the most in brackets. Within a
round everything runs in turn over the same files, in reverse in every second round. The **floor** inflates the same files
with libdeflate and takes their SHA-256, nothing else; a ratio to it is one of two runs of the same round. Peak memory is
the largest resident set of any round, in a pipeline the sum of those of its programs, and is never less than the
script's own, some 20 MB.
"""


def page(machine, options, results):
    """The whole page as Markdown."""
    parts = [INTRODUCTION.format(command=own_command(options), rounds=f"{options.rounds} round" + "s" * (options.rounds > 1))]
    parts.append("\n".join(f"- {name}: {value}" for name, value in machine.items()) + "\n")
    for corpus, measured in results:
        parts.append(corpus_section(corpus, measured))
    parts.append(conclusions(results))
    parts.append(commands(*results[-1]))
    return "\n".join(parts)


def own_command(options):
    words = ["--events", ",".join(map(str, options.events)), "--shapes", ",".join(options.shapes), "--rounds", options.rounds]
    words += ["--slow-events", options.slow_events, "--memory", options.memory, *(["--no-duckdb"] if options.no_duckdb else [])]
    return " ".join(["python3 benches/compare.py", *map(str, words)])


def corpus_section(corpus, measured):
    """A table for one corpus."""
    lines = [
        f"## {corpus.events:,} events in {corpus.shape} files\n",
        f"{corpus.files:,} files, {corpus.inflated / 1e6:,.0f} MB of JSON, {corpus.stored / 1e6:,.0f} MB stored."
        + part_note(corpus, measured),
        "| work | threads | CPU s | × floor | wall s | events a CPU second | MB of JSON a CPU second | peak memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for work, runs in measured:
        name = work.name + (" *" if work.slow else "")
        if isinstance(runs, str):
            lines.append(f"| {name} | {work.threads} | not run: {runs.replace('|', '/')} | | | | | |")
            continue
        cells = [
            spread([run.cpu for run in runs]),
            spread(ratios(corpus, work, runs)),
            spread([run.wall for run in runs]),
            f"{events_of(corpus, work) / cpu(runs):,.0f}" if work.loads else "-",
            f"{(corpus.part_inflated if work.slow else corpus.inflated) / 1e6 / cpu(runs):,.0f}" if work.loads else "-",
            f"{max(run.peak for run in runs) / 1e6:,.0f} MB",
        ]
        lines.append(f"| {name} | {work.threads} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def conclusions(results):
    """What follows from the tables."""
    found = {(corpus.events, corpus.shape): Measured(corpus, measured) for corpus, measured in results}
    rows = []
    for (events, shape), at in found.items():
        rows += [(f"{events:,} {shape}", *row) for row in beside_itself(at)]
    for events in sorted({events for events, _ in found}):
        rows += [(f"{events:,}", *row) for row in small_against_large(found, events)]
    for shape in sorted({shape for _, shape in found}):
        rows += [(shape, *row) for row in growth([at for (_, other), at in sorted(found.items()) if other == shape])]
    for (events, shape), at in found.items():
        rows += [(f"{events:,} {shape}", *row) for row in beside_others(at)]
    lines = ["## What follows\n", "| events and files | what | times |", "|---|---|---|"]
    return "\n".join(lines + [f"| {where} | {what} | {value} |" for where, what, value in rows]) + "\n"


def part_note(corpus, measured):
    if not any(work.slow for work, _ in measured):
        return "\n"
    return (
        f" Works marked * read {corpus.part_files:,} of the files, evenly chosen: {corpus.part_events:,} events,"
        f" {corpus.part_inflated / 1e6:,.0f} MB of JSON. Their ratio is that of the cost of an event.\n"
    )


class Measured:
    """The runs over one corpus, by work."""

    def __init__(self, corpus, measured):
        self.corpus = corpus
        self.works = [(work, runs) for work, runs in measured if not isinstance(runs, str)]

    def runs(self, name, threads=1):
        return next((runs for work, runs in self.works if (work.name, work.threads) == (name, threads)), None)


def beside_itself(at):
    """Threads against one thread, and what rules cost on top."""
    floor, one = at.runs("floor"), at.runs("detect, no rules")
    for name in ("detect, no rules", "investigate, no rules"):
        if at.runs(name) and at.runs(name, 2):
            yield f"{name}: wall time of 1 thread / of 2", pairs(at.runs(name), at.runs(name, 2), "wall")
            yield f"{name}: CPU time of 2 threads / of 1", pairs(at.runs(name, 2), at.runs(name), "cpu")
    for name in ("detect, 100 rules on event names", "detect, all built-in rules"):
        if floor and one and at.runs(name):
            times = [(run.cpu - before.cpu) / least.cpu for run, before, least in zip(at.runs(name), one, floor)]
            yield f"{name}: CPU time on top of no rules / floor", spread(times)


def beside_others(at):
    """Events a CPU second of Trailsift over those of every other tool."""
    for name in ("detect, no rules", "investigate, no rules"):
        for work, runs in at.works:
            if work.slow and at.runs(name):
                scale = at.corpus.events / at.corpus.part_events
                yield f"{name}: events a CPU second / of {work.name}", spread([b.cpu * scale / a.cpu for a, b in zip(at.runs(name), runs)])


def small_against_large(found, events):
    large, small = found.get((events, "large")), found.get((events, "small"))
    for name in ("floor", "detect, no rules", "investigate, no rules", "verify, logs without digests"):
        if large and small and large.runs(name) and small.runs(name):
            scale = large.corpus.inflated / small.corpus.inflated
            times = [a.cpu * scale / b.cpu for a, b in zip(small.runs(name), large.runs(name))]
            yield f"{name}: CPU time for a byte of JSON, small files / large", spread(times)


def growth(sizes):
    """CPU seconds for a million events at each size over those at the smallest."""
    for name in ("detect, no rules", "investigate, no rules"):
        there = [at for at in sizes if at.runs(name)]
        for at in there[1:]:
            each, first = (cpu(one.runs(name)) / one.corpus.events * 1e6 for one in (at, there[0]))
            what = f"{name}: CPU seconds for a million events, {at.corpus.events:,} / {there[0].corpus.events:,}"
            yield what, f"{each / first:.2f} ({each:.2f} / {first:.2f})"


def commands(corpus, measured):
    """The commands of the last corpus, as they were run in the work folder."""
    lines = ["## Commands\n", f"As run over {corpus.events:,} events in {corpus.shape} files, in the work folder; the others differ by folder.\n"]
    per_file = -(-corpus.events // corpus.files)
    lines.append(f"    generate_logs corpus {corpus.folder} --events {corpus.events} --per-file {per_file}")
    lines += ["    " + " | ".join(" ".join(map(quoted, command)) for command in work.pipeline) for work, _ in measured]
    return "\n".join(lines) + "\n"


def quoted(word):
    """As a shell reads it; in double quotes where single ones stand in it, as those are hard to read doubled."""
    return '"' + word.replace("$", "\\$") + '"' if "'" in word and not set(word) & set('"`\\') else shlex.quote(word)


def events_of(corpus, work):
    return corpus.part_events if work.slow else corpus.events


def ratios(corpus, work, runs):
    scale = corpus.events / events_of(corpus, work)
    return [run.cpu * scale / run.floor for run in runs if run.floor]


def pairs(runs, others, what):
    return spread([getattr(run, what) / getattr(other, what) for run, other in zip(runs, others)])


def cpu(runs):
    return statistics.median(run.cpu for run in runs)


def spread(values):
    """Median, and least and most, with three digits that say something."""
    if not values:
        return "-"
    middle = statistics.median(values)
    digits = min(3, max(0, 2 - math.floor(math.log10(abs(middle))))) if middle else 0
    middle, least, most = (f"{value:,.{digits}f}" for value in (middle, min(values), max(values)))
    return f"{middle} ({least} to {most})"
