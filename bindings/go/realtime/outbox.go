package realtime

import "time"

// maxBatches that wait to be stored.
const maxBatches = 256

// Ack is what the gateway says of a batch that it stored.
type Ack struct {
	// Status is "stored" or "duplicate".
	Status string

	Stored int

	// LeftOut counts those who listen now and are not given some of it, by reason.
	LeftOut map[string]int
}

type outcome struct {
	ack Ack

	err error
}

// batch is what one Publish gave.
type batch struct {
	message outgoing

	events int64

	critical bool

	retry RetryConfig

	counter int64

	retries int

	done chan outcome
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
}

func (o *outbox) add(b *batch) error {
	if len(o.lossy)+len(o.critical) >= maxBatches {
		if len(o.lossy) == 0 {
			return callerError("the queue is full", maxBatches, "wait for the batches before")
		}
		o.lossy[0].done <- outcome{err: callerError("given up for newer events", "lossy", "publish less, or as critical")}
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
	o.pump()
}

func (o *outbox) fail(err error) {
	o.ready = false
	for _, b := range append(o.lossy, o.critical...) {
		b.done <- outcome{err: err}
	}
	o.lossy, o.critical = nil, nil
}

func (o *outbox) pump() {
	if !o.ready {
		return
	}
	for _, b := range o.lossy {
		done := b.done
		o.connection.ask(b.message, func(answer *incoming, err *Error) { settle(done, answer, err) })
	}
	o.lossy = nil
	if len(o.critical) == 0 || o.sending {
		return
	}
	first := o.critical[0]
	if first.counter == 0 {
		first.counter = o.nextCounter
		o.nextCounter += first.events
	}
	first.message["counter"] = first.counter
	o.sending = true
	o.connection.ask(first.message, func(answer *incoming, err *Error) { o.answered(first, answer, err) })
}

func (o *outbox) answered(b *batch, answer *incoming, err *Error) {
	if err != nil && err.Fault == FaultLink {
		return // welcome sends it again
	}
	if err != nil && err.Code == "store" && b.retries < b.retry.MaxRetries {
		b.retries++
		time.AfterFunc(time.Duration(b.retry.RetryIntervalMs)*time.Millisecond, o.again)
		return
	}
	o.critical = o.critical[1:]
	o.sending = false
	settle(b.done, answer, err)
	if err != nil && err.Code == "store" {
		// Its number is used up: newer ones of this incarnation would be refused until it came.
		o.incarnation, o.ready = "", false
		o.connection.beginAnew()
	}
	o.pump()
}

func (o *outbox) again() {
	o.connection.mu.Lock()
	defer o.connection.mu.Unlock()
	o.sending = false
	o.pump()
}

func settle(done chan outcome, answer *incoming, err *Error) {
	if err != nil {
		done <- outcome{err: err}
		return
	}
	done <- outcome{ack: Ack{answer.Status, answer.Stored, answer.LeftOut}}
}
