package realtime

import (
	"context"
	"strings"
)

// Position is how far a channel was heard.
type Position struct {
	Epoch string

	Offset int64
}

// Start says where a subscription begins: the zero value with what comes, Last with so many entries before that, After behind
// a position that an earlier run kept.
type Start struct {
	Last int

	After *Position
}

// whole is what the gateway keeps of a channel, at most.
const whole = 0xffff

// Delivery says where an event came from. ReceivedAt is when the gateway got it, in ms since 1970.
type Delivery struct {
	Channel, DeviceID, Platform string

	Position Position

	Critical bool

	ReceivedAt int64
}

// Gap is a range of entries of a channel that will not come.
type Gap struct {
	Channel, Reason string

	After, To int64
}

// Handler hears the events of a channel, one after the other on the connection's goroutine: one that wants to wait for the
// connection starts a goroutine.
type Handler func(event Event, delivery Delivery)

// followed is a channel, or a pattern, that this program listens to. After a cut a channel goes on behind its last position; a
// pattern then gives all that the log has of channels that begun meanwhile. handler is nil where only a pattern listens.
type followed struct {
	handler Handler

	start Start

	at *Position

	begun chan error
}

// Subscribe hears the events of a channel, or of all that fit a pattern such as `vm-*`; it returns when the gateway has said yes.
func (c *Connection) Subscribe(ctx context.Context, channel string, start Start, handler Handler) error {
	if err := checkChannels(channel); err != nil {
		return err
	}
	if handler == nil {
		return callerError("the handler is nil", channel, "give a function")
	}
	if start.Last < 0 || start.Last > whole || start.After != nil && (start.After.Offset < 0 || isPattern(channel)) {
		return callerError("this is no place to start", channel, "Last is 0 to 65535, After what Position gave; a pattern has no After")
	}
	f := &followed{handler: handler, start: start, begun: make(chan error, 1)}
	if err := c.follow(channel, f); err != nil {
		return err
	}
	select {
	case err := <-f.begun:
		return err
	case <-ctx.Done():
		c.Unsubscribe(channel)
		return endedError("the context was over before the gateway said yes", ctx.Err())
	}
}

func (c *Connection) follow(channel string, f *followed) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(); err != nil {
		return err
	}
	table := c.table(channel)
	if known := table[channel]; known != nil {
		if known.handler != nil || f.start != (Start{}) {
			return callerError("already subscribed to", channel, "unsubscribe first, or share the handler")
		}
		known.handler = f.handler // its pattern follows it already
		f.begin(nil)
		return nil
	}
	table[channel] = f
	if c.outbox.ready {
		c.askFor(channel, f)
	}
	return nil
}

// Unsubscribe hears nothing more of a channel, or of a pattern.
func (c *Connection) Unsubscribe(channel string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.table(channel)[channel]
	if f == nil {
		return
	}
	f.handler = nil
	if isPattern(channel) {
		c.leavePattern(channel)
	} else if !c.patterned(channel) {
		delete(c.channels, channel)
		c.leave(channel)
	}
}

// leavePattern: the gateway leaves a pattern's channels with it; those that somebody else here wants are asked for again.
func (c *Connection) leavePattern(pattern string) {
	delete(c.patterns, pattern)
	c.leave(pattern)
	for channel, f := range c.channels {
		if !strings.HasPrefix(channel, pattern[:len(pattern)-1]) {
			continue
		}
		c.leave(channel)
		if f.handler == nil && !c.patterned(channel) {
			delete(c.channels, channel)
		} else if c.outbox.ready {
			c.askFor(channel, f)
		}
	}
}

func (c *Connection) leave(name string) {
	if c.outbox.ready {
		c.ask(outgoing{"type": "unsubscribe", "channel": name}, func(*incoming, *Error) {})
	}
}

// Position is how far a channel was heard: a later run gives it as Start.After. Nil before anything is known.
func (c *Connection) Position(channel string) *Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.channels[channel]; f != nil && f.at != nil {
		at := *f.at
		return &at
	}
	return nil
}

func isPattern(name string) bool { return strings.HasSuffix(name, "*") }

func (c *Connection) table(name string) map[string]*followed {
	if isPattern(name) {
		return c.patterns
	}
	return c.channels
}

func (c *Connection) patterned(channel string) bool {
	for pattern := range c.patterns {
		if strings.HasPrefix(channel, pattern[:len(pattern)-1]) {
			return true
		}
	}
	return false
}

// handlersOf a channel: its own, and those of the patterns that it fits.
func (c *Connection) handlersOf(channel string, f *followed) []Handler {
	var found []Handler
	if f.handler != nil {
		found = append(found, f.handler)
	}
	for pattern, followed := range c.patterns {
		if strings.HasPrefix(channel, pattern[:len(pattern)-1]) {
			found = append(found, followed.handler)
		}
	}
	return found
}

// resume after a cut: the channels first, then the patterns, which would begin them anew.
func (c *Connection) resume() {
	for channel, f := range c.channels {
		c.askFor(channel, f)
	}
	for pattern, f := range c.patterns {
		c.askFor(pattern, f)
	}
}

func (c *Connection) askFor(name string, f *followed) {
	c.ask(f.request(name), func(answer *incoming, err *Error) {
		switch {
		case err == nil && isPattern(name):
			f.start = Start{Last: whole} // once it listens, nothing of its channels may be left out
		case err == nil:
			if f.at == nil {
				f.at = &Position{answer.Epoch, answer.Offset}
			}
		case err.Fault == FaultLink:
			return // after a cut it is asked for again
		case err.Code == "too-many" && !isPattern(name) && c.patterned(name):
			// Its pattern was quicker: the gateway follows it already.
		default:
			if table := c.table(name); table[name] == f {
				delete(table, name)
			}
			f.begin(err)
			c.tell(func() { c.onError(err) })
			return
		}
		f.begin(nil)
	})
}

// announced: a pattern has found a channel.
func (c *Connection) announced(message *incoming) {
	at := &Position{message.Epoch, message.Offset}
	if f := c.channels[message.Channel]; f != nil {
		if f.at == nil {
			f.at = at
		}
	} else if c.patterned(message.Channel) {
		c.channels[message.Channel] = &followed{at: at, begun: make(chan error, 1)}
	}
}

func (f *followed) request(channel string) outgoing {
	switch from := f.from(); {
	case from != nil:
		return outgoing{"type": "subscribe", "channel": channel, "start": "after", "epoch": from.Epoch, "offset": from.Offset}
	case f.start.Last > 0:
		return outgoing{"type": "subscribe", "channel": channel, "start": "last", "count": f.start.Last}
	default:
		return outgoing{"type": "subscribe", "channel": channel, "start": "live"}
	}
}

func (f *followed) from() *Position {
	if f.at != nil {
		return f.at
	}
	return f.start.After
}

// begin tells whoever waits for the gateway's yes, once.
func (f *followed) begin(err error) {
	select {
	case f.begun <- err:
	default:
	}
}

// news moves the position on; false for what was heard before.
func (f *followed) news(at Position) bool {
	if f.at != nil && f.at.Epoch == at.Epoch && at.Offset <= f.at.Offset {
		return false
	}
	f.at = &at
	return true
}
