// Command send-events sends events in batches over PublishEventStream. Whatever breaks in between,
// each is queued once.
//
//	go run . [ADDRESS [COUNT [BATCH_SIZE]]]
//
// The exit code is 0 only if every event was accepted.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"example.com/send-events/event"
)

func main() {
	log.SetFlags(0)
	address, count, batchSize := "localhost:50051", 10_000, 500
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	for i, value := range []*int{&count, &batchSize} {
		if len(os.Args) <= i+2 {
			break
		}
		number, err := strconv.Atoi(os.Args[i+2])
		if err != nil || number < 1 {
			log.Fatalf("%q is no number from 1; usage: send-events [ADDRESS [COUNT [BATCH_SIZE]]]", os.Args[i+2])
		}
		*value = number
	}

	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	p := newPublisher(conn, batches(count, batchSize))
	err = p.run(context.Background())
	if err != nil {
		log.Printf("%v; giving up", err)
	}
	fmt.Printf("%d accepted, %d rejected, %d unanswered\n", p.accepted, p.rejected, count-p.accepted-p.rejected)
	fmt.Printf("%d batches had been queued before, and were not queued again\n", p.duplicates)
	if p.accepted != count {
		os.Exit(1)
	}
}

// batches stands for your own source of events: it returns nil after the last batch. A batch may have
// at most 10,000 events and 4 MiB.
func batches(count, batchSize int) func() *event.PublishEventsRequest {
	next := 0
	return func() *event.PublishEventsRequest {
		if next == count {
			return nil
		}
		// The id is made once for a batch, and kept when the batch is sent again: that is how the
		// collector knows a batch that it has queued before, although its answer was lost.
		batch := &event.PublishEventsRequest{BatchId: uuid.NewString()}
		for ; next < count && len(batch.Events) < batchSize; next++ {
			batch.Events = append(batch.Events, &event.Event{
				EventId:   uuid.NewString(),
				Type:      "example",
				Timestamp: time.Now().UnixMilli(),
				Data:      fmt.Appendf(nil, `{"n":%d}`, next),
			})
		}
		return batch
	}
}
