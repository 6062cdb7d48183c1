package sendevents;

import com.google.protobuf.ByteString;
import event.EventOuterClass.Event;
import event.EventOuterClass.PublishEventsRequest;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.UUID;
import java.util.stream.IntStream;

/**
 * Sends events in batches over PublishEventStream. Whatever breaks in between, each is queued once.
 * The exit code is 0 only if every event was accepted.
 */
public final class SendEvents {
  public static void main(String[] args) throws InterruptedException {
    String address = args.length > 0 ? args[0] : "localhost:50051";
    int count = args.length > 1 ? Integer.parseInt(args[1]) : 10_000;
    int batchSize = args.length > 2 ? Integer.parseInt(args[2]) : 500;

    ManagedChannel channel =
        Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
    Publisher publisher = new Publisher(channel, batches(count, batchSize));
    try {
      publisher.run();
    } catch (StatusRuntimeException e) {
      System.err.println(e.getMessage() + "; giving up");
    } finally {
      channel.shutdownNow();
    }
    int unanswered = count - publisher.accepted() - publisher.rejected();
    System.out.printf(
        "%d accepted, %d rejected, %d unanswered%n",
        publisher.accepted(), publisher.rejected(), unanswered);
    System.out.printf(
        "%d batches had been queued before, and were not queued again%n", publisher.duplicates());
    System.exit(publisher.accepted() == count ? 0 : 1);
  }

  /** Stands for your own source of events. At most 10,000 events and 4 MiB a batch. */
  private static Iterator<PublishEventsRequest> batches(int count, int batchSize) {
    return IntStream.iterate(0, first -> first < count, first -> first + batchSize)
        .mapToObj(first -> batch(first, Math.min(first + batchSize, count)))
        .iterator();
  }

  private static PublishEventsRequest batch(int first, int end) {
    PublishEventsRequest.Builder batch =
        PublishEventsRequest.newBuilder()
            // Made once for a batch, and kept when the batch is sent again: that is how the collector
            // knows a batch that it has queued before, although its answer was lost.
            .setBatchId(UUID.randomUUID().toString());
    for (int n = first; n < end; n++) {
      batch.addEvents(
          Event.newBuilder()
              .setEventId(UUID.randomUUID().toString())
              .setType("example")
              .setTimestamp(System.currentTimeMillis())
              .setData(ByteString.copyFromUtf8("{\"n\":" + n + "}")));
    }
    return batch.build();
  }
}
