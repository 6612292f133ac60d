"""An S3 server on loopback: prints its port, then does what each line of standard input says, and ends with it."""
import datetime, gzip, json, os, sys

from moto.s3.models import get_canned_acl, s3_backends
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
backend = s3_backends["123456789012"]["aws"]


def put(bucket, key, content, metadata=None):
    thing = backend.put_object(bucket, key, content)
    # Also for those who do not sign.
    thing.set_acl(get_canned_acl("public-read"))
    if metadata:
        thing.set_metadata({"x-amz-meta-" + name: value for name, value in metadata.items()})


def load(bucket, folder, prefix, metadata):
    """A folder's files under a prefix; sidecars become the metadata of what they are for, or are left out."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith(".meta.json"):
                continue
            head = {}
            if metadata and os.path.exists(path + ".meta.json"):
                with open(path + ".meta.json") as sidecar:
                    head = json.load(sidecar)["Metadata"]
            with open(path, "rb") as file:
                put(bucket, prefix + os.path.relpath(path, folder), file.read(), head)


def year(bucket, first, record):
    """Ten accounts and four regions, of one of them each day and of the others each third: a log of one record, and a digest."""
    for number in range(10):
        account = f"1111222233{number:02}"
        for region in ("eu-west-1", "eu-west-2", "ap-south-1", "us-west-2"):
            whole = (number, region) == (3, "eu-west-1")
            for day in range(0, 365, 1 if whole else 3):
                date = datetime.date.fromisoformat(first) + datetime.timedelta(days=day)
                own = json.loads(record)
                own |= {"recipientAccountId": account, "awsRegion": region, "eventTime": f"{date}T08:00:00Z"}
                own["eventID"] = f"00000000-0000-4000-8000-{number:04}{len(region):04}{day:04}"
                for kind in ("CloudTrail", "CloudTrail-Digest"):
                    trail = "" if kind == "CloudTrail" else "_trail_eu-west-1"
                    stamp = f"{date:%Y%m%d}T0805" + ("Z_Ab3dEf6hIj9kLmN0" if kind == "CloudTrail" else "00Z")
                    key = f"org/AWSLogs/o-a1b2c3/{account}/{kind}/{region}/{date:%Y/%m/%d}/{account}_{kind}_{region}{trail}_{stamp}.json.gz"
                    content = {"Records": [own]} if kind == "CloudTrail" else {"awsAccountId": account, "logFiles": []}
                    put(bucket, key, gzip.compress(json.dumps(content).encode(), 1, mtime=0))


print(server._server.server_port, flush=True)
for line in sys.stdin:
    order = json.loads(line)
    name = order["bucket"]
    if name not in backend.buckets:
        backend.create_bucket(name, "us-east-1")
    if "key" in order:
        put(name, order["key"], order["content"].encode(), order["metadata"])
    if "folder" in order:
        load(name, order["folder"], order["prefix"], order["metadata"])
    if "year" in order:
        year(name, order["year"], order["record"])
    print("done", flush=True)
server.stop()
