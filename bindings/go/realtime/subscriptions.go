package realtime

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

// followed is a channel that this program listens to. After a cut it goes on behind its last position.
type followed struct {
	handler Handler

	start Start

	at *Position

	begun chan error
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
