package main

import (
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/send-events/event"
)

const (
	// Batches that may be without an answer. More keep a slow network busy, and cost memory: each is
	// kept until it is answered, since it may have to be sent again.
	window = 16
	// A call that lasts longer is replaced by a new one, so no wait for an answer is endless.
	callLimit = time.Minute
	// Failures in a row before giving up. The collector knows a batch id for 15 minutes, and a batch
	// that is sent again later than that is queued again: so give up sooner.
	maxFailures = 12
)

type stream = grpc.BidiStreamingClient[event.PublishEventsRequest, event.PublishEventsResponse]

type publisher struct {
	accepted, rejected, duplicates int

	conn *grpc.ClientConn
	next func() *event.PublishEventsRequest // nil after the last batch

	room       chan struct{} // one element for each unanswered batch
	mu         sync.Mutex
	unanswered []*event.PublishEventsRequest // in the order sent, which is the order of the answers
}

func newPublisher(conn *grpc.ClientConn, next func() *event.PublishEventsRequest) *publisher {
	return &publisher{conn: conn, next: next, room: make(chan struct{}, window)}
}

// run returns when every batch is answered, or with what stays in the way of that.
func (p *publisher) run(ctx context.Context) error {
	for failures := 1; ; failures++ {
		answered := p.accepted + p.rejected
		err := p.call(ctx)
		if err == nil {
			return nil
		}
		if p.accepted+p.rejected > answered {
			failures = 1
		}
		delay, again := retryDelay(err, failures)
		if !again || failures == maxFailures {
			return err
		}
		log.Printf("%v; sending again what had no answer", err)
		time.Sleep(delay)
		// gRPC's own pause between two attempts to connect would grow to two minutes.
		p.conn.ResetConnectBackoff()
	}
}

// call sends first what has no answer yet, then new batches, until the last is answered.
func (p *publisher) call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	stream, err := event.NewEventServiceClient(p.conn).PublishEventStream(ctx)
	if err != nil {
		cancel()
		return err
	}
	// Sending has a goroutine of its own: a collector whose answers nobody reads stops reading, too.
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		p.send(ctx, stream)
	}()
	err = p.receive(stream)
	cancel()
	<-sent
	return err
}

// send stops at the first error, whatever it is: the receiving side learns the reason.
func (p *publisher) send(ctx context.Context, stream stream) {
	p.mu.Lock()
	again := append([]*event.PublishEventsRequest(nil), p.unanswered...)
	p.mu.Unlock()
	for _, batch := range again {
		if stream.Send(batch) != nil {
			return
		}
	}
	for {
		select {
		case p.room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		batch := p.next()
		if batch == nil {
			<-p.room
			stream.CloseSend()
			return
		}
		p.mu.Lock()
		p.unanswered = append(p.unanswered, batch)
		p.mu.Unlock()
		if stream.Send(batch) != nil {
			return
		}
	}
}

func (p *publisher) receive(stream stream) error {
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p.mu.Lock()
		batch := p.unanswered[0]
		p.unanswered = p.unanswered[1:]
		p.mu.Unlock()
		<-p.room
		p.accepted += int(answer.Accepted)
		p.rejected += len(answer.Rejections)
		if answer.Duplicate {
			p.duplicates++
		}
		for _, rejection := range answer.Rejections {
			log.Printf("event %s is rejected: %s", batch.Events[rejection.Index].EventId, rejection.Message)
		}
	}
}

// retryDelay says how long to wait before sending again, and whether that can help at all: see
// docs/errors.md.
func retryDelay(err error, failures int) (time.Duration, bool) {
	failure := status.Convert(err)
	for _, detail := range failure.Details() {
		if asked, ok := detail.(*errdetails.RetryInfo); ok {
			return time.Duration(float64(asked.RetryDelay.AsDuration()) * (1 + rand.Float64()/5)), true
		}
	}
	backoff := min(5*time.Second, 100*time.Millisecond<<(failures-1))
	backoff = time.Duration(float64(backoff) * (0.5 + rand.Float64()/2))
	switch failure.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return backoff, true
	case codes.Internal:
		return backoff, strings.Contains(failure.Message(), "RST_STREAM")
	default:
		return 0, false
	}
}
