package realtime

import "time"

// run is the connection's goroutine: one session after the other until it is closed, or cannot go on.
func (c *Connection) run(connected chan error) {
	defer close(c.done)
	defer c.cancel()
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
	reply, err := c.poller.post(c.ctx, c.hello())
	if err != nil {
		return asError(err)
	}
	if err := c.takeAll(reply.Messages); err != nil {
		return err
	}
	tellOnce(connected, nil)
	request := pollRequest{PollKey: reply.PollKey}
	for {
		request.Number++
		request.Messages, request.Token = c.next()
		reply, err := c.exchange(&request)
		if err != nil {
			return err
		}
		if err := c.takeAll(reply.Messages); err != nil {
			return err
		}
		if c.isOver() && c.empty() {
			return linkError("closed", c.options.Address, "")
		}
		c.rest(hasEvents(reply.Messages))
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
func (c *Connection) next() ([]outgoing, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := len(c.queue)
	if count > bodyMessages {
		count = bodyMessages
	}
	messages := append([]outgoing{}, c.queue[:count]...)
	c.queue = c.queue[count:]
	return messages, c.token
}

func (c *Connection) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) == 0
}

// exchange makes the same request until it is answered: by its number the gateway carries it out once.
func (c *Connection) exchange(request *pollRequest) (*pollReply, *Error) {
	troubled := false
	for {
		reply, err := c.poller.post(c.ctx, request)
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
func (c *Connection) rest(more bool) {
	if !c.empty() {
		return
	}
	wait := c.options.UpdateInterval
	if floor := time.Duration(c.platform.pollFloorMs) * time.Millisecond; more && floor < wait {
		wait = floor
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
	c.outbox.ready = false
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
	for channel, f := range c.channels {
		f.begin(err)
		delete(c.channels, channel)
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
