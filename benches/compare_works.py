"""What `compare.py` measures: the list of works, and the statements of the other tools."""

import dataclasses
import os

GROUP_BY = "select event_name, count(*) as n from events where aws_region = 'eu-west-1' group by event_name order by n desc"
JQ_COUNT = "[inputs.Records | length] | add"
JQ_FIELDS = ".Records[] | [.eventTime, .eventName, .eventSource, .sourceIPAddress, .userIdentity.arn, .errorCode] | @tsv"
# One thread, as for all that is compared on one core; the second argument is the statement.
DUCKDB = "import duckdb, sys; c = duckdb.connect(); c.execute('set threads = 1'); c.execute(sys.argv[1])"


@dataclasses.dataclass
class Corpus:
    """Files of one shape, relative to the work folder, and the part of them that slow tools read."""

    shape: str
    folder: str
    events: int
    files: int
    inflated: int
    stored: int
    part: str
    part_files: int
    part_events: int
    part_inflated: int

    @property
    def case(self):
        return f"case-{self.folder}"


@dataclasses.dataclass
class Work:
    """One thing to measure. A pipeline is a list of commands; their first words are names of tools."""

    name: str
    pipeline: list
    threads: int = 1
    # Whether it reads only the part of the corpus.
    slow: bool = False
    # A folder that it makes, which is removed before and after.
    makes: str = ""
    # Whether it reads the corpus' case in place of the files.
    needs_case: bool = False
    # Whether it reads every event, so that events a second mean something.
    loads: bool = True
    # With which codes it may end.
    ends: tuple = (0,)


def works(corpus, rules, memory, with_others):
    """All that is to be measured over a corpus; the floor comes first. `rules` is a folder of 100 rules."""
    files = corpus.folder
    quiet = ["-q", "--format", "json", "--force", "-o", os.devnull]

    def trailsift(name, *words, threads=1, **more):
        return Work(name, [["trailsift", *words, "--jobs", str(threads), *quiet]], threads, **more)

    def detect(name, *words, threads=1):
        return trailsift(f"detect, {name}", "detect", files, *words, threads=threads)

    def investigate(threads):
        words = ["investigate", files, "--no-builtin", "--out", "case-new"]
        return trailsift("investigate, no rules", *words, threads=threads, makes="case-new")

    return [
        Work("floor", [["floor", files]]),
        detect("no rules", "--no-builtin"),
        detect("no rules", "--no-builtin", threads=2),
        detect("100 rules on event names", "--no-builtin", "--rules", rules),
        detect("all built-in rules"),
        detect(f"no rules, --memory {memory}", "--no-builtin", "--memory", memory, threads=2),
        investigate(1),
        investigate(2),
        trailsift("sql over a case: filter, group by", "sql", corpus.case, "-c", GROUP_BY, needs_case=True, loads=False),
        # The corpora have no digests: all is inflated and hashed, nothing can be proven, and the run ends with 1.
        trailsift("verify, logs without digests", "verify", files, ends=(0, 1)),
        *(others(corpus.part) if with_others else []),
    ]


def others(part):
    """The works of other tools, which take long enough to read a part only."""
    yield Work("DuckDB, its start alone", [["python", "-c", DUCKDB, "select 1"]], loads=False)
    for name, statement in duckdb_statements(f"read_json('{part}/**/*.json.gz', maximum_object_size = 4194304").items():
        yield Work(f"DuckDB, {name}", [["python", "-c", DUCKDB, f"create table t as {statement}"]], slow=True)
    inflate = [["find", part, "-name", "*.json.gz", "-print0"], ["xargs", "-0", "zcat"]]
    yield Work("zcat and jq, a count", [*inflate, ["jq", "-n", JQ_COUNT]], slow=True)
    yield Work("zcat and jq, 6 fields", [*inflate, ["jq", "-r", JQ_FIELDS]], slow=True)


def duckdb_statements(read):
    """Ways to load a trail into DuckDB; `read` is the call that reads the files, up to its last argument."""
    columns = [*TEXTS, *FLAGS, *PARTS]
    record = ", ".join(
        [f"{name} VARCHAR" for name in TEXTS] + [f"{name} BOOLEAN" for name in FLAGS] + [f"{name} JSON" for name in PARTS] + [IDENTITY]
    )
    whole = [f"r.{name}" for name in columns] + [f"r.userIdentity.{path}" for path in IDENTITY_PATHS]
    paths = [*TEXTS[:14], *[f"userIdentity.{path}" for path in IDENTITY_PATHS[:9]]]
    extracts = ", ".join(f"json_extract_string(r, '$.{path}')" for path in paths)
    return {
        "schema detected, one column": f"select unnest(Records) as r from {read})",
        f"schema declared, {len(whole)} columns": "select "
        + ", ".join(whole)
        + f" from (select unnest(Records) as r from {read}, columns = {{Records: 'STRUCT({record})[]'}}))",
        f"JSON and {len(paths)} path extracts": f"select {extracts} from (select unnest(Records) as r from {read}, columns = {{Records: 'JSON[]'}}))",
    }


TEXTS = (
    "eventVersion eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage requestID eventID eventType"
    " recipientAccountId eventCategory apiVersion sharedEventID vpcEndpointId"
).split()
FLAGS = "readOnly managementEvent sessionCredentialFromConsole".split()
PARTS = "requestParameters responseElements additionalEventData resources serviceEventDetails tlsDetails".split()
IDENTITY = (
    "userIdentity STRUCT(type VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, accessKeyId VARCHAR, userName VARCHAR,"
    " invokedBy VARCHAR, sessionContext STRUCT(attributes STRUCT(creationDate VARCHAR, mfaAuthenticated VARCHAR),"
    " sessionIssuer STRUCT(type VARCHAR, principalId VARCHAR, arn VARCHAR)))"
)
IDENTITY_PATHS = (
    "type principalId arn accountId accessKeyId userName invokedBy sessionContext.attributes.creationDate"
    " sessionContext.attributes.mfaAuthenticated sessionContext.sessionIssuer.type sessionContext.sessionIssuer.principalId"
    " sessionContext.sessionIssuer.arn"
).split()
