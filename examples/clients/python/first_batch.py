import json
import sys
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


address = sys.argv[1] if len(sys.argv) > 1 else "localhost:50051"
with grpc.insecure_channel(address) as channel:
    service = event_pb2_grpc.EventServiceStub(channel)
    # With a batch id a batch may be sent again after a time-out: it is queued once.
    batch = event_pb2.PublishEventsRequest(
        batch_id=str(uuid.uuid4()), events=[login("ada"), login("grace")]
    )
    response = service.PublishEvents(batch, timeout=10)
    print(f"{response.accepted} accepted")
    for rejection in response.rejections:  # the others are in the queue all the same
        print(f"event {rejection.index}: {rejection.message}")
