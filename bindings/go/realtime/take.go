package realtime

import "time"

// takeAll reads what the gateway said; an error ends the session.
func (c *Connection) takeAll(messages []incoming) *Error {
	for place := range messages {
		if err := c.take(&messages[place]); err != nil {
			return err
		}
		c.flush()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.anew {
		c.anew = false
		return linkError("a critical batch was given up", c.options.Address, "nothing: a new incarnation begins")
	}
	return nil
}

func (c *Connection) take(message *incoming) *Error {
	if message.Type == "welcome" {
		return c.welcome(message)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer := c.requests[message.ID]; answer != nil {
		delete(c.requests, message.ID)
		if message.Type == "error" {
			answer(nil, message.asError())
		} else {
			answer(message, nil)
		}
		return nil
	}
	switch message.Type {
	case "error":
		return c.complaint(message.asError())
	case "token-ended":
		if call := c.options.OnTokenEnded; call != nil {
			c.tell(func() { call(time.Duration(message.GraceMs) * time.Millisecond) })
		}
	case "subscribed":
		c.announced(message)
	default:
		c.deliver(message)
	}
	return nil
}

// welcome begins a session: all channels go on, then what waits to be stored.
func (c *Connection) welcome(message *incoming) *Error {
	if c.isOver() || c.isReady() { // a session has one
		return nil
	}
	if message.Incarnation == "" || message.Mark < 0 {
		return peerError("the welcome has no incarnation, or no mark", message.Incarnation, look)
	}
	c.turn(ConnectionStateConnected, "", 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connectedAt = time.Now()
	c.resume()
	c.outbox.welcome(message.Incarnation, message.Mark)
	return nil
}

func (c *Connection) isReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outbox.ready
}

// complaint is an error without an id: it is about the connection.
func (c *Connection) complaint(err *Error) *Error {
	if err.Fatal || err.Code == "replaced" {
		return err
	}
	c.hint = err.RetryAfter
	c.tell(func() { c.onError(err) })
	return nil
}

func (c *Connection) deliver(message *incoming) {
	f := c.channels[message.Channel]
	if f == nil {
		return
	}
	switch message.Type {
	case "events":
		at := Position{message.Epoch, message.Offset}
		before := f.at
		if !f.news(at) {
			return
		}
		if previous := message.PreviousOffset; before != nil && before.Epoch == at.Epoch && previous != nil && *previous > before.Offset {
			c.lost(Gap{message.Channel, "missing", before.Offset, *previous}) // a mistake of the gateway
		}
		handlers := c.handlersOf(message.Channel, f)
		delivery := Delivery{message.Channel, message.DeviceID, message.Platform, at, message.Critical, message.ReceivedAt}
		for _, event := range message.Events {
			for _, handler := range handlers {
				event, handler := event, handler
				c.tell(func() { handler(event, delivery) })
			}
		}
	case "gap":
		f.at = &Position{message.Epoch, message.To}
		c.lost(Gap{message.Channel, message.Reason, message.After, message.To})
	case "unsubscribed":
		delete(c.channels, message.Channel)
		reason := "no reason was given"
		if message.Error != nil {
			reason = message.Error.Message
		}
		err := callerError("the channel is not followed any more: "+reason, message.Channel, "ask for the permission")
		f.begin(err)
		c.tell(func() { c.onError(err) })
	}
}

func (c *Connection) lost(gap Gap) {
	if call := c.options.OnGap; call != nil {
		c.tell(func() { call(gap) })
	}
}
