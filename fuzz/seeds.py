#!/usr/bin/env python3
"""Writes first inputs for the fuzz targets, made from sample-logs/, into fuzz/corpus/<target>/."""

import gzip
import json
import pathlib
import urllib.parse
import zlib

FUZZ = pathlib.Path(__file__).resolve().parent
SAMPLE = FUZZ.parent / "sample-logs" / "AWSLogs"
# Shapes that real logs seldom have.
ODD_TEXTS = [
    "", " ", "{", "[1,]", '{"a":1,"a":2}', '{"a":{"b":[{"c":1,"\\u0063":2}]}}', "-0", "-01", "1e400", "1.0e", "nul",
    '"\\ud83d\\ude00"', '"\\ud83d"', '"a\tb"', "[\t1 ,\r2]", "[" * 128 + "]" * 128,
    '{"eventVersion":"1.08","eventSource":"","eventName":null,"userIdentity":"{\\"type\\":\\"Root\\"}"}',
    '{"EventVersion":"1.08","EVENTNAME":"x","eventName":"y","eventSource":"S3.amazonaws.com","x-y":[1]}',
    '{"CloudTrailEvent":"{\\"eventVersion\\":\\"1\\",\\"eventName\\":\\"a\\",\\"eventSource\\":\\"b\\"}"}',
    '{"detail-type":"a","detail":{"eventVersion":"1","eventName":"a","eventSource":"b"}}',
]


def main():
    logs = [gzip.decompress(path.read_bytes()) for path in sorted(SAMPLE.rglob("*.json.gz"))]
    records = [json.loads(log) for log in logs]
    records = [record for log in records for record in log.get("Records", [])]
    write("json_differential", list(json_seeds(logs, records)))
    write("gzip_reader", list(gzip_seeds(logs)))
    write("digest_document", list(digest_seeds(logs)))
    write("policy_document", list(policy_seeds(records)))


def digest_seeds(logs):
    keys = (SAMPLE.parent / "public-keys.json").read_bytes()
    manifest = (SAMPLE.parent / "signatures.jsonl").read_bytes().splitlines()[0]
    sidecar = b'{"Metadata":{"signature":"00ff","signature-algorithm":"SHA256withRSA"}}'
    digests = sorted((log for log in logs if b"digestStartTime" in log), key=len)
    # The key file, the sidecar and the manifest follow the digest, with 0xff between them.
    for digest in digests[:3] + digests[-3:]:
        yield b"\xff".join([digest, keys, sidecar, manifest, b"AWSLogs/x/../111122223333_CloudTrail_r_20260301T0805Z_a.json.gz"])
        yield digest


def policy_seeds(records):
    """Each document of the logs, plain and as answers have it, and shapes that they seldom have."""
    values = [value for record in records for value in (record.get("requestParameters") or {}).values()]
    texts = {value for value in values if isinstance(value, str) and value.lstrip().startswith("{")}
    texts |= {
        '{"Statement":{"Effect":"Deny","NotAction":"iam:*","NotResource":"*","Condition":{"StringLike":{"aws:PrincipalTag/a":["b",1,true]}}}}',
        '{"Id":[[{}]],"Statement":[{"Effect":"Allow","Effect":"Deny","Principal":"*","Action":["sts:*",7]},{}],"Version":null}',
        '{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333","Federated":["x"]},"Action":"sts:AssumeRole"}}',
    }
    for text in sorted(texts):
        yield text.encode()
        yield urllib.parse.quote(text, safe="").encode()


def json_seeds(logs, records):
    # One record of each event name, alone and with the next, so that what is remembered of records matters.
    by_name = {record["eventName"]: record for record in records}
    compact = [json.dumps(record, separators=(",", ":")) for _, record in sorted(by_name.items())]
    for one, other in zip(compact, compact[1:] + compact[:1]):
        yield one.encode()
        yield f"{one}\n{other}\n{one}".encode()
    yield min(logs, key=len)
    yield json.dumps(next(iter(by_name.values())), indent=1).replace("\n", "\r").encode()
    yield from (text.encode() for text in ODD_TEXTS)


def gzip_seeds(logs):
    """The first byte chooses the form of an input, the second how it is cut (see the target)."""
    short = sorted(logs, key=len)[:8]
    for cut, log in enumerate(short):
        for level in (0, 1, 9):
            yield bytes([0, cut]) + gzip.compress(log, level, mtime=0)
            yield bytes([1, cut]) + deflate(log, level)
        yield bytes([2, cut, 16 * 9 + cut % 5, 7, 1, 1]) + log[:500] + b"\n" + log[:100] + b"\n"
    small = gzip.compress(b"{}", mtime=0)
    for stored in (b"", b"\x1f", small + small, small + b"junk", small[:-1], small + b"\0", b"{}", gzip.compress(b"", mtime=0)):
        yield bytes([0, 9]) + stored
    for literals, distances in ((257, 1), (286, 30), (287, 30), (288, 32), (257, 31)):
        yield bytes([1, 3]) + dynamic_block(literals, distances)
    for strategy in (zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE):
        yield bytes([1, 5]) + deflate(short[0], 6, strategy)


def deflate(text, level, strategy=zlib.Z_DEFAULT_STRATEGY):
    stream = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    return stream.compress(text) + stream.flush()


def dynamic_block(literals, distances):
    """A last block with codes for `literals` and `distances` symbols, which holds nine zeros (RFC 1951, 3.2.7).

    286 and 30 are the most that have a meaning; decoders differ in what they say to more.
    """
    bits = []

    def put(value, count):
        bits.extend(value >> at & 1 for at in range(count))

    put(1, 1)
    put(2, 2)
    put(literals - 257, 5)
    put(distances - 1, 5)
    # Lengths of the code lengths: 1 bit for 0 and for 1, in the order of the format.
    order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    put(len(order) - 4, 4)
    for symbol in order:
        put(1 if symbol in (0, 1) else 0, 3)
    # A code of one bit each for the byte 0 and the block's end, and for the first two distances.
    for symbol in range(literals):
        put(1 if symbol in (0, 256) else 0, 1)
    for symbol in range(distances):
        put(1 if symbol in (0, 1) else 0, 1)
    put(0, 9)
    put(1, 1)
    bits.extend([0] * (-len(bits) % 8))
    return bytes(sum(bit << at for at, bit in enumerate(bits[start:start + 8])) for start in range(0, len(bits), 8))


def write(target, seeds):
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:04}").write_bytes(seed)
    print(f"{len(seeds)} inputs in corpus/{target}")


if __name__ == "__main__":
    main()
