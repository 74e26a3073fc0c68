"""Puts events on the default bus and reads them from a queue: stock grpcio, and the stubs that protoc makes of proto/.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install -r docs/examples/python/requirements.txt
    /tmp/venv/bin/python docs/examples/python/put_and_receive.py --context ~/bascule/context.toml --count 10000

The context file is the one that `basculed dev` writes: `endpoint`, and paths of `ca`, `certificate` and `key`, relative to it.
Exit code 0: every event that was put came back.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time
import tomllib
import uuid

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import _proto as well_known
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[3]
BATCH = 10  # entries of one PutEvents, receipts of one DeleteMessage
DEADLINE_S = 10  # every call has one; the daemon refuses those without
ATTEMPTS = 5
PATIENCE_S = 60


def stubs():
    """Compiles the contract into a folder of this run and imports it."""
    out = tempfile.mkdtemp(prefix="bascule-python-")
    proto, include = ROOT / "proto", pathlib.Path(list(well_known.__path__)[0])
    files = sorted(str(path) for path in proto.glob("bascule/v1/*.proto"))
    arguments = ["protoc", f"-I{proto}", f"-I{include}", f"--python_out={out}", f"--grpc_python_out={out}", *files]
    if protoc.main(arguments) != 0:
        sys.exit("protoc could not compile the contract")
    sys.path.insert(0, out)
    from bascule.v1 import events_pb2, events_pb2_grpc, queues_pb2, queues_pb2_grpc
    from bascule.v1 import rules_pb2, rules_pb2_grpc, targets_pb2, targets_pb2_grpc

    return {
        "events": (events_pb2, events_pb2_grpc.EventsStub),
        "queues": (queues_pb2, queues_pb2_grpc.QueuesStub),
        "rules": (rules_pb2, rules_pb2_grpc.RulesStub),
        "targets": (targets_pb2, targets_pb2_grpc.TargetsStub),
    }


def connect(path):
    """A channel that proves who both sides are."""
    context = tomllib.loads(path.read_text())
    read = lambda key: (path.parent / context[key]).read_bytes()
    credentials = grpc.ssl_channel_credentials(read("ca"), read("key"), read("certificate"))
    return grpc.secure_channel(context["endpoint"].removeprefix("https://"), credentials)


def call(method, request, deadline_s=DEADLINE_S):
    """One call, again after as long as the daemon asks for if it says that it may be made again."""
    for attempt in range(ATTEMPTS):
        try:
            return method(request, timeout=deadline_s)
        except grpc.RpcError as error:
            wait_s = retry_after(error)
            if wait_s is None or attempt + 1 == ATTEMPTS:
                raise
            time.sleep(wait_s)


def retry_after(error):
    """Seconds to wait, from google.rpc.RetryInfo; None for what must not be made again."""
    if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
        return None
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return info.retry_delay.ToMilliseconds() / 1000
    return 0.2


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--context", type=pathlib.Path, required=True, help="context file, such as dev's context.toml")
    arguments.add_argument("--count", type=int, default=100, help="events to put")
    given = arguments.parse_args()
    made = stubs()
    channel = connect(given.context.expanduser())
    (events, queues, rules, targets) = (made[name][0] for name in ("events", "queues", "rules", "targets"))
    stub = {name: of(channel) for name, (_, of) in made.items()}

    name = f"python-{uuid.uuid4().hex[:8]}"
    queue = call(stub["queues"].CreateQueue, queues.CreateQueueRequest(name=name)).queue
    pattern = json.dumps({"source": [name]})
    call(stub["rules"].PutRule, rules.PutRuleRequest(name=name, event_pattern=pattern))
    target = targets.Target(id="queue", arn=queue.arn)
    put = call(stub["targets"].PutTargets, targets.PutTargetsRequest(rule=name, targets=[target]))

    began, owed = time.monotonic(), set()
    for first in range(0, given.count, BATCH):
        entries = [
            events.PutEventsRequestEntry(source=name, detail_type="Example", detail=json.dumps({"number": number}))
            for number in range(first, min(first + BATCH, given.count))
        ]
        # The rule is to be seen by whichever node takes the events.
        answer = call(stub["events"].PutEvents, events.PutEventsRequest(entries=entries, min_control_index=put.control_index))
        for entry in answer.entries:
            if entry.error_code:
                sys.exit(f"an entry was refused: {entry.error_code}: {entry.error_message}")
            owed.add(entry.event_id)
    took = time.monotonic() - began
    print(f"put {len(owed)} events in {took:.1f} s, {len(owed) / took:.0f} a second")

    began, last = time.monotonic(), time.monotonic()
    while owed and time.monotonic() - last < PATIENCE_S:
        request = queues.ReceiveMessageRequest(queue_name=name, max_messages=BATCH, wait_seconds=5)
        messages = call(stub["queues"].ReceiveMessage, request).messages
        if not messages:
            continue
        last = time.monotonic()
        owed.difference_update(json.loads(message.body)["id"] for message in messages)
        receipts = [message.receipt_handle for message in messages]
        call(stub["queues"].DeleteMessage, queues.DeleteMessageRequest(queue_name=name, receipt_handles=receipts))
    print(f"received them in {time.monotonic() - began:.1f} s, {len(owed)} are missing")

    ids = targets.RemoveTargetsRequest(rule=name, ids=["queue"])
    call(stub["targets"].RemoveTargets, ids)
    call(stub["rules"].DeleteRule, rules.DeleteRuleRequest(name=name))
    call(stub["queues"].DeleteQueue, queues.DeleteQueueRequest(queue_name=name))
    sys.exit(1 if owed else 0)


if __name__ == "__main__":
    main()
