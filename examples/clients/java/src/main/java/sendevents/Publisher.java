package sendevents;

import event.EventOuterClass.PublishEventsRequest;
import event.EventOuterClass.PublishEventsResponse;
import event.EventOuterClass.Rejection;
import event.EventServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;

/** Sends batches until each is answered. For one thread; answers come on one of gRPC's. */
final class Publisher {
  /**
   * Batches that may be without an answer. More keep a slow network busy, and cost memory: each is
   * kept until it is answered, since it may have to be sent again.
   */
  private static final int WINDOW = 16;

  /** A call that lasts longer is replaced by a new one, so no wait for an answer is endless. */
  private static final int CALL_SECONDS = 60;

  /**
   * Failures in a row before giving up. The collector knows a batch id for 15 minutes, and a batch
   * that is sent again later than that is queued again: so give up sooner.
   */
  private static final int MAX_FAILURES = 12;

  private final ManagedChannel channel;
  private final Iterator<PublishEventsRequest> batches;

  /** In the order sent, which is the order of the answers. Guarded by this, like all below. */
  private final Deque<PublishEventsRequest> unanswered = new ArrayDeque<>();

  private int accepted;
  private int rejected;
  private int duplicates;

  Publisher(ManagedChannel channel, Iterator<PublishEventsRequest> batches) {
    this.channel = channel;
    this.batches = batches;
  }

  synchronized int accepted() {
    return accepted;
  }

  synchronized int rejected() {
    return rejected;
  }

  synchronized int duplicates() {
    return duplicates;
  }

  /**
   * Returns when every batch is answered.
   *
   * @throws StatusRuntimeException what stays in the way of that
   */
  void run() throws InterruptedException {
    for (int failures = 1; ; failures++) {
      int before = accepted() + rejected();
      StatusRuntimeException failure = new Call().run();
      if (failure == null) {
        return;
      }
      if (accepted() + rejected() > before) {
        failures = 1;
      }
      OptionalLong delay = RetryRules.delayMillis(failure, failures);
      if (delay.isEmpty() || failures == MAX_FAILURES) {
        throw failure;
      }
      System.err.println(failure.getMessage() + "; sending again what had no answer");
      Thread.sleep(delay.getAsLong());
      // gRPC's own pause between two attempts to connect would grow to two minutes.
      channel.resetConnectBackoff();
    }
  }

  /** One call: first what has no answer yet, then new batches, until the last is answered. */
  private final class Call implements StreamObserver<PublishEventsResponse> {
    private boolean ended;
    private StatusRuntimeException failure;

    /** Returns how it failed; null when every batch is answered. */
    StatusRuntimeException run() throws InterruptedException {
      StreamObserver<PublishEventsRequest> requests =
          EventServiceGrpc.newStub(channel)
              .withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS)
              .publishEventStream(this);
      List<PublishEventsRequest> again;
      synchronized (Publisher.this) {
        again = List.copyOf(unanswered);
      }
      // After the end of the call, onNext does nothing. It never waits either: what limits the memory
      // for what is under way is the window.
      again.forEach(requests::onNext);
      PublishEventsRequest batch;
      while ((batch = next()) != null) {
        requests.onNext(batch);
      }
      synchronized (Publisher.this) {
        if (!ended) {
          requests.onCompleted();
        }
        while (!ended) {
          Publisher.this.wait();
        }
        return failure;
      }
    }

    /** Waits for room in the window; null after the last batch, and when the call has ended. */
    private PublishEventsRequest next() throws InterruptedException {
      synchronized (Publisher.this) {
        while (!ended && unanswered.size() >= WINDOW) {
          Publisher.this.wait();
        }
        if (ended || !batches.hasNext()) {
          return null;
        }
        PublishEventsRequest batch = batches.next();
        unanswered.add(batch);
        return batch;
      }
    }

    @Override
    public void onNext(PublishEventsResponse answer) {
      synchronized (Publisher.this) {
        PublishEventsRequest batch = unanswered.remove();
        accepted += answer.getAccepted();
        rejected += answer.getRejectionsCount();
        duplicates += answer.getDuplicate() ? 1 : 0;
        for (Rejection rejection : answer.getRejectionsList()) {
          String id = batch.getEvents((int) rejection.getIndex()).getEventId();
          System.err.println("event " + id + " is rejected: " + rejection.getMessage());
        }
        Publisher.this.notifyAll();
      }
    }

    @Override
    public void onCompleted() {
      end(null);
    }

    @Override
    public void onError(Throwable error) {
      end((StatusRuntimeException) error); // gRPC hands over no other
    }

    private void end(StatusRuntimeException how) {
      synchronized (Publisher.this) {
        ended = true;
        failure = how;
        Publisher.this.notifyAll();
      }
    }
  }
}
