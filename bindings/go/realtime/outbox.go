package realtime

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxBatches that wait to be sent; as many lossy ones may be on their way beside them.
const maxBatches = 256

// batchBytes of one batch; the gateway takes 131,072 bytes in a request, and a token has its place there too.
const batchBytes = 120_000

// Ack is what the gateway says of a batch that it stored.
type Ack struct {
	// Status is "stored" or "duplicate".
	Status string

	Stored int

	// LeftOut counts those who listen now and are not given some of it, by reason.
	LeftOut map[string]int
}

// batch is what one Publish gave. ack and err are set before done is closed.
type batch struct {
	channel string

	events json.RawMessage

	count int64

	priority MessagePriority

	critical bool

	retry RetryConfig

	expires time.Time

	timer *time.Timer

	counter int64

	retries int

	done chan struct{}

	ack Ack

	err error
}

func (b *batch) expired() bool { return !b.expires.IsZero() && !time.Now().Before(b.expires) }

func (b *batch) message() outgoing {
	message := outgoing{"type": "publish", "channel": b.channel, "events": b.events}
	if b.priority != "" {
		message["priority"] = b.priority
	}
	if b.counter > 0 {
		message["counter"] = b.counter
	}
	return message
}

func (b *batch) settle(answer *incoming, err *Error) {
	if b.timer != nil {
		b.timer.Stop()
	}
	if err != nil {
		b.err = err
	} else {
		b.ack = Ack{answer.Status, answer.Stored, answer.LeftOut}
	}
	close(b.done)
}

// outbox keeps what is to be published, under the lock of its connection. Critical batches have numbers, go one at a time,
// and go again after every cut until the gateway has stored them; by their number it stores each once. A lossy batch that was
// on its way when the session was lost may have been stored: it is not sent again.
type outbox struct {
	connection *Connection

	lossy, critical []*batch

	incarnation string

	nextCounter int64

	ready, sending bool

	// underWay counts lossy batches that were asked and not answered: while a session lives on without a link, no more are.
	underWay int

	// round counts sessions: a retry that belongs to an earlier one does nothing.
	round int

	timer *time.Timer
}

func (o *outbox) add(b *batch) error {
	o.sweep()
	if len(o.lossy)+len(o.critical) >= maxBatches {
		if len(o.lossy) == 0 {
			return callerError("the queue is full", maxBatches, "wait for the batches before")
		}
		o.lossy[0].settle(nil, callerError("given up for newer events", o.lossy[0].channel, "publish less, or as critical"))
		o.lossy = o.lossy[1:]
	}
	if b.critical {
		o.critical = append(o.critical, b)
	} else {
		o.lossy = append(o.lossy, b)
	}
	o.pump()
	return nil
}

// expire gives up a batch whose time is over, unless it is on its way: its answer will say what became of it.
func (o *outbox) expire() {
	o.connection.mu.Lock()
	defer o.connection.mu.Unlock()
	o.sweep()
	o.pump()
}

func (o *outbox) sweep() {
	o.lossy = o.unexpired(o.lossy)
	if !o.sending {
		o.critical = o.unexpired(o.critical)
	} else if len(o.critical) > 0 {
		o.critical = append(o.critical[:1:1], o.unexpired(o.critical[1:])...)
	}
}

func (o *outbox) unexpired(batches []*batch) []*batch {
	var left []*batch
	for _, b := range batches {
		if b.expired() {
			what, next := "not sent before its time was over", "give it more time, or publish it anew"
			err := &Error{Fault: FaultLink, Code: "expired", What: what, Value: b.channel, NextStep: next}
			o.connection.letters.keep("expired", b, err)
			b.settle(nil, err)
			continue
		}
		left = append(left, b)
	}
	return left
}

func (o *outbox) welcome(incarnation string, mark int64) {
	if incarnation != o.incarnation {
		o.incarnation, o.nextCounter = incarnation, mark+1
		for _, b := range o.critical {
			b.counter = 0
		}
	} else if mark >= o.nextCounter {
		o.nextCounter = mark + 1
	}
	o.ready, o.sending = true, false
	o.round++
	o.sweep()
	o.pump()
}

// pause: there is no session now.
func (o *outbox) pause() {
	o.ready, o.sending = false, false
	o.round++
	if o.timer != nil {
		o.timer.Stop()
	}
}

func (o *outbox) fail(err *Error) {
	o.pause()
	for _, b := range append(append([]*batch(nil), o.lossy...), o.critical...) {
		o.connection.letters.keep("closed", b, err)
		b.settle(nil, err)
	}
	o.lossy, o.critical = nil, nil
}

func (o *outbox) pump() {
	if !o.ready {
		return
	}
	for len(o.lossy) > 0 && o.underWay < maxBatches {
		first := o.lossy[0]
		o.lossy = o.lossy[1:]
		o.underWay++
		o.connection.ask(first.message(), func(answer *incoming, err *Error) {
			o.underWay--
			first.settle(answer, err)
			o.pump()
		})
	}
	if len(o.critical) == 0 || o.sending {
		return
	}
	first := o.critical[0]
	if first.counter == 0 {
		first.counter = o.nextCounter
		o.nextCounter += first.count
	}
	o.sending = true
	o.connection.ask(first.message(), func(answer *incoming, err *Error) { o.answered(first, answer, err) })
}

func (o *outbox) answered(b *batch, answer *incoming, err *Error) {
	if err != nil && err.Fault == FaultLink {
		return // welcome sends it again
	}
	if err != nil && passing(err.Code) && b.retries < b.retry.MaxRetries && !b.expired() {
		b.retries++
		wait := time.Duration(b.retry.RetryIntervalMs) * time.Millisecond
		if err.RetryAfter > wait {
			wait = err.RetryAfter
		}
		round := o.round
		o.timer = time.AfterFunc(wait, func() { o.again(round) })
		return
	}
	o.critical = o.critical[1:]
	o.sending = false
	if err != nil {
		o.connection.letters.keep("refused", b, err)
	}
	b.settle(answer, err)
	if err != nil && err.Code == "store" {
		// Its number is used up: newer ones of this incarnation would be refused until it came.
		o.incarnation, o.ready = "", false
		o.connection.beginAnew()
	}
	o.pump()
}

func passing(code string) bool {
	return code == "store" || code == "busy" || code == "too-many" || code == "expired-token"
}

func (o *outbox) again(round int) {
	o.connection.mu.Lock()
	defer o.connection.mu.Unlock()
	if round != o.round { // the timer had run out already when the session was lost
		return
	}
	o.sending = false
	o.pump()
}

// newBatch reads what is to be published once: what the caller changes later does not change it.
func newBatch(channel string, options PublishOptions, events []EventData) (*batch, error) {
	if len(events) == 0 {
		return nil, callerError("there is nothing to publish", "no events", "give one event or more")
	}
	if options.Priority != "" && !options.Priority.known() {
		return nil, callerError("unknown priority", options.Priority, "use low, normal, high or critical")
	}
	if options.Expires < 0 {
		return nil, callerError("Expires is negative", options.Expires, "give a time, or 0 for ever")
	}
	listed := make([]map[string]any, len(events))
	for place, data := range events {
		if data == nil {
			return nil, callerError("an event is nil", place, "give a pointer to one of the structs whose names end in Data")
		}
		listed[place] = map[string]any{"type": data.TypeOfEvent(), "data": data}
	}
	text, err := json.Marshal(listed)
	if err != nil {
		return nil, callerError("the events cannot be written as JSON", err, "give finite numbers, and nil where one is unknown")
	}
	if len(text) > batchBytes {
		return nil, callerError(fmt.Sprintf("the events are larger than %d bytes", batchBytes), len(text), "publish fewer at once")
	}
	b := &batch{
		channel: channel, events: text, count: int64(len(events)), priority: options.Priority,
		retry: RetryConfig{RetryCount, RetryIntervalMs}, done: make(chan struct{}),
	}
	b.critical = options.Critical || options.Priority == MessagePriorityCritical || isCriticalChannel(channel)
	if options.Retry != nil {
		b.retry = *options.Retry
	}
	if options.Expires > 0 {
		b.expires = time.Now().Add(options.Expires)
	}
	return b, nil
}
