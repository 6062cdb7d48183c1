"""Sends events in batches over PublishEventStream. Whatever breaks in between, each is queued once.

    python send_events.py [ADDRESS [COUNT [BATCH_SIZE]]]

The exit code is 0 only if every event was accepted.
"""

import argparse
import collections
import json
import random
import sys
import threading
import time
import uuid

import grpc
from event import event_pb2, event_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# Batches that may be without an answer. More keep a slow network busy, and cost memory: each is kept
# until it is answered, since it may have to be sent again.
WINDOW = 16
# A call that lasts longer is replaced by a new one, so no wait for an answer is endless.
CALL_SECONDS = 60
# Failures in a row before giving up. The collector knows a batch id for 15 minutes, and a batch that
# is sent again later than that is queued again: so give up sooner.
MAX_FAILURES = 12

# gRPC's own pause between two attempts to connect would grow to two minutes.
CHANNEL_OPTIONS = [("grpc.max_reconnect_backoff_ms", 2_000)]


def make_batches(count, batch_size):
    """Stands for your own source of events. At most 10,000 events and 4 MiB a batch."""
    for first in range(0, count, batch_size):
        yield event_pb2.PublishEventsRequest(
            # Made once for a batch, and kept when the batch is sent again: that is how the collector
            # knows a batch that it has queued before, although its answer was lost.
            batch_id=str(uuid.uuid4()),
            events=[
                event_pb2.Event(
                    event_id=str(uuid.uuid4()),
                    type="example",
                    timestamp=int(time.time() * 1000),
                    data=json.dumps({"n": n}).encode(),
                )
                for n in range(first, min(first + batch_size, count))
            ],
        )


class Publisher:
    def __init__(self, service, batches):
        self.accepted = self.rejected = self.duplicates = 0
        self._service = service
        self._batches = batches
        # In the order sent, which is the order of the answers.
        self._unanswered = collections.deque()
        self._changed = threading.Condition()

    def run(self):
        """Returns when every batch is answered; raises what stays in the way of that."""
        failures = 0
        while True:
            ended = threading.Event()
            answered = self.accepted + self.rejected
            try:
                requests = self._requests(ended)
                for answer in self._service.PublishEventStream(requests, timeout=CALL_SECONDS):
                    self._note(answer)
                return
            except grpc.RpcError as error:
                progress = self.accepted + self.rejected > answered
                failures = 1 if progress else failures + 1
                delay = retry_delay(error, failures)
                if delay is None or failures == MAX_FAILURES:
                    raise
                print(f"{describe(error)}; sending again what had no answer", file=sys.stderr)
            finally:
                with self._changed:
                    ended.set()
                    self._changed.notify_all()
            time.sleep(delay)

    def _requests(self, ended):
        """What one call sends. gRPC runs this in a thread of its own, one for each call."""
        with self._changed:
            again = list(self._unanswered)
        yield from again
        while True:
            with self._changed:
                self._changed.wait_for(lambda: ended.is_set() or len(self._unanswered) < WINDOW)
                batch = None if ended.is_set() else next(self._batches, None)
                if batch is None:
                    return
                self._unanswered.append(batch)
            yield batch

    def _note(self, answer):
        with self._changed:
            batch = self._unanswered.popleft()
            self._changed.notify_all()
        self.accepted += answer.accepted
        self.rejected += len(answer.rejections)
        self.duplicates += answer.duplicate
        for rejection in answer.rejections:
            event_id = batch.events[rejection.index].event_id
            print(f"event {event_id} is rejected: {rejection.message}", file=sys.stderr)


def retry_delay(error, failures):
    """Seconds to wait before sending again; None where it would fail again. See docs/errors.md."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        asked = error_details_pb2.RetryInfo()
        if detail.Unpack(asked):
            return asked.retry_delay.ToTimedelta().total_seconds() * random.uniform(1, 1.2)
    broken = error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    ) or (error.code() is grpc.StatusCode.INTERNAL and "RST_STREAM" in error.details())
    return min(5, 0.1 * 2 ** (failures - 1)) * random.uniform(0.5, 1) if broken else None


def describe(error):
    return f"{error.code().name}: {error.details()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address", nargs="?", default="localhost:50051")
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("batch_size", nargs="?", type=int, default=500)
    args = parser.parse_args()
    with grpc.insecure_channel(args.address, options=CHANNEL_OPTIONS) as channel:
        service = event_pb2_grpc.EventServiceStub(channel)
        publisher = Publisher(service, make_batches(args.count, args.batch_size))
        try:
            publisher.run()
        except grpc.RpcError as error:
            print(f"{describe(error)}; giving up", file=sys.stderr)
    accepted, rejected = publisher.accepted, publisher.rejected
    print(f"{accepted} accepted, {rejected} rejected, {args.count - accepted - rejected} unanswered")
    print(f"{publisher.duplicates} batches had been queued before, and were not queued again")
    return 0 if accepted == args.count else 1


if __name__ == "__main__":
    sys.exit(main())
