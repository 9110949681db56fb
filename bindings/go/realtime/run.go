package realtime

import (
	"context"
	"encoding/json"
	"time"
)

// run is the connection's goroutine: one session after the other until it is closed, or cannot go on.
func (c *Connection) run(connected chan error) {
	defer close(c.done)
	defer c.cancel()
	if c.options.ownTransport {
		defer c.options.HTTPClient.CloseIdleConnections()
	}
	for !c.isOver() {
		err := c.session(connected)
		if err.Fatal || err.Code == "replaced" { // two clients of one name would push each other out for ever
			c.turn(ConnectionStateFailed, err.Error(), 0)
			c.finish(err)
			tellOnce(connected, err)
			return
		}
		c.cutOff(linkError("the session was lost before an answer came", err.What, "it may have been stored"))
		c.trouble(err)
	}
	err := linkError("the connection was closed", c.options.Address, "establish a new one")
	c.finish(err)
	tellOnce(connected, err)
}

// tellOnce answers whoever waits for the connection; later answers have nobody who reads them.
func tellOnce(connected chan error, err error) {
	select {
	case connected <- err:
	default:
	}
}

func (c *Connection) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over()
}

// session says hello and polls until something ends it.
func (c *Connection) session(connected chan error) *Error {
	reply, err := c.poller.post(c.ctx, c.hello(), 0)
	if err != nil {
		return asError(err)
	}
	if len(reply.Messages) > 0 && reply.Messages[0].Type == "error" {
		return reply.Messages[0].asError()
	}
	if reply.PollKey == "" || len(reply.Messages) == 0 || reply.Messages[0].Type != "welcome" {
		return peerError("the hello was not answered by a welcome", c.options.Address, look)
	}
	if err := c.takeAll(reply.Messages); err != nil {
		return err
	}
	tellOnce(connected, nil)
	request := pollRequest{PollKey: reply.PollKey}
	for {
		request.Number++
		request.Messages, request.Token = c.next()
		begun, hold := time.Now(), time.Duration(0)
		if len(request.Messages) == 0 && c.options.Hold > 0 && !c.isOver() {
			hold = c.options.Hold
		}
		reply, err := c.exchange(&request, hold)
		if err != nil {
			return err
		}
		if err := c.takeAll(reply.Messages); err != nil {
			return err
		}
		if c.isOver() && c.empty() {
			return linkError("closed", c.options.Address, "")
		}
		held := time.Duration(0)
		if hold > 0 { // a reply that was held has waited already; one that was not must not make us run
			held = time.Since(begun)
		}
		c.rest(hasEvents(reply.Messages), held)
	}
}

func (c *Connection) hello() outgoing {
	c.mu.Lock()
	defer c.mu.Unlock()
	hello := outgoing{"type": "hello", "deviceId": c.options.DeviceID, "token": c.token, "clientInfo": c.info}
	if c.outbox.incarnation != "" {
		hello["incarnation"] = c.outbox.incarnation
	}
	return hello
}

// next takes what one request carries.
func (c *Connection) next() ([]json.RawMessage, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count, size := 0, 0
	for _, message := range c.queue {
		size += len(message)
		if count > 0 && size > bodyBytes {
			break
		}
		count++
	}
	messages := append([]json.RawMessage{}, c.queue[:count]...)
	c.queue = c.queue[count:]
	return messages, c.token
}

func (c *Connection) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) == 0
}

// exchange makes the same request until it is answered: by its number the gateway carries it out once.
func (c *Connection) exchange(request *pollRequest, hold time.Duration) (*pollReply, *Error) {
	troubled := false
	for {
		reply, interrupted, err := c.held(request, hold)
		hold = 0
		if interrupted && err != nil {
			continue
		}
		if err == nil {
			if troubled && !c.isOver() {
				c.turn(ConnectionStateConnected, "", 0)
			}
			return reply, nil
		}
		cause := asError(err)
		again := cause.Fault == FaultLink || cause.Code == "busy" || cause.Code == "too-many"
		if !again || c.isOver() {
			return nil, cause
		}
		troubled = true
		c.trouble(cause)
		if c.isOver() {
			return nil, cause
		}
	}
}

// held makes a request whose reply may be held. When something is to be sent meanwhile it is given up, to go again with its
// number, which ends the hold: two requests on two ways could arrive in the wrong order.
func (c *Connection) held(request *pollRequest, hold time.Duration) (reply *pollReply, interrupted bool, err error) {
	if hold == 0 {
		reply, err = c.poller.post(c.ctx, request, 0)
		return reply, false, err
	}
	ctx, cancel := context.WithCancel(c.ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-c.wake:
			interrupted = true
			cancel()
		case <-ctx.Done():
		}
	}()
	reply, err = c.poller.post(ctx, request, hold)
	cancel()
	<-over
	return reply, interrupted, err
}

// trouble says so and waits for the next attempt.
func (c *Connection) trouble(err *Error) {
	if c.isOver() {
		return
	}
	c.mu.Lock()
	state := ConnectionStateConnecting
	if !c.connectedAt.IsZero() {
		state = ConnectionStateReconnecting
	}
	if c.state == ConnectionStateConnected {
		c.backoff.lived(time.Since(c.connectedAt))
	}
	hint := err.RetryAfter
	if c.hint > hint {
		hint = c.hint
	}
	c.hint = 0
	c.lastError = err
	wait := c.backoff.next(hint)
	c.mu.Unlock()
	c.turn(state, err.Error(), wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !c.isOver() {
		select {
		case <-timer.C:
			return
		case <-c.wake:
		case <-c.ctx.Done():
			return
		}
	}
}

// rest lies between two polls; something to send ends it.
func (c *Connection) rest(more bool, held time.Duration) {
	if !c.empty() {
		return
	}
	wait := c.options.UpdateInterval
	if floor := time.Duration(c.platform.pollFloorMs) * time.Millisecond; more && floor < wait {
		wait = floor
	}
	if wait -= held; wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.wake:
	case <-c.ctx.Done():
	}
}

// cutOff answers every request of a session that is over.
func (c *Connection) cutOff(err *Error) {
	c.mu.Lock()
	c.outbox.pause()
	c.queue = nil
	cut := c.requests
	c.requests = map[string]func(*incoming, *Error){}
	for _, answer := range cut {
		answer(nil, err)
	}
	c.mu.Unlock()
	c.flush()
}

func (c *Connection) finish(err *Error) {
	c.cutOff(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outbox.fail(err)
	for _, table := range []map[string]*followed{c.channels, c.patterns} {
		for name, f := range table {
			f.begin(err)
			delete(table, name)
		}
	}
}

// flush calls what waits for the lock to be free.
func (c *Connection) flush() {
	c.mu.Lock()
	told := c.told
	c.told = nil
	c.mu.Unlock()
	for _, call := range told {
		call()
	}
}

func hasEvents(messages []incoming) bool {
	for place := range messages {
		if messages[place].Type == "events" {
			return true
		}
	}
	return false
}
