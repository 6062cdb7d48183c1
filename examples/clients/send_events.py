import json
import time
import uuid

import grpc
from event import event_pb2, event_pb2_grpc


def login(account):
    return event_pb2.Event(
        event_id=str(uuid.uuid4()),
        type="user_login",
        timestamp=int(time.time() * 1000),
        data=json.dumps({"account": account}).encode(),
    )


with grpc.insecure_channel("localhost:50051") as channel:
    service = event_pb2_grpc.EventServiceStub(channel)

    # A stream has one answer, at its end: then all that was accepted is in the queue.
    summary = service.StreamEvents(login(name) for name in ("ada", "grace"))
    print(f"stream: {summary.accepted} accepted, {summary.rejected} rejected")

    # With a batch id a batch may be sent again after a time-out: it is queued once.
    batch = event_pb2.PublishEventsRequest(
        batch_id=str(uuid.uuid4()), events=[login("alan"), login("")]
    )
    batch.events[1].type = "no spaces"  # rejected, and its neighbour is not
    response = service.PublishEvents(batch, timeout=10)
    print(f"batch: {response.accepted} accepted")
    for rejection in response.rejections:
        print(f"event {rejection.index}: {rejection.message}")
