package sendevents;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;

/** What to do after a failed call, as docs/errors.md has it. */
final class RetryRules {
  private RetryRules() {}

  /** How long to wait before sending again; empty where it would fail again. */
  static OptionalLong delayMillis(StatusRuntimeException failure, int failures) {
    double random = ThreadLocalRandom.current().nextDouble();
    com.google.rpc.Status details = StatusProto.fromThrowable(failure);
    for (Any detail : details == null ? List.<Any>of() : details.getDetailsList()) {
      if (detail.is(RetryInfo.class)) {
        try {
          Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
          double millis = delay.getSeconds() * 1e3 + delay.getNanos() / 1e6;
          return OptionalLong.of((long) (millis * (1 + random / 5)));
        } catch (InvalidProtocolBufferException e) {
          break; // The status stands without it.
        }
      }
    }
    Status status = failure.getStatus();
    boolean again =
        switch (status.getCode()) {
          case UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED -> true;
          case INTERNAL ->
              status.getDescription() != null && status.getDescription().contains("RST_STREAM");
          default -> false;
        };
    long backoff = Math.min(5_000, 100L << (failures - 1));
    return again ? OptionalLong.of((long) (backoff * (0.5 + random / 2))) : OptionalLong.empty();
  }
}
