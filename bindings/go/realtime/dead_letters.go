package realtime

import "encoding/json"

// DeadLetter is a critical batch that could not be delivered. Connections keep the newest of a bounded number in this program.
type DeadLetter struct {
	// Cause is "refused" (the gateway did), "expired" (not sent in its time) or "closed" (the connection ended first).
	Cause string

	Channel string

	// Events as JSON: a list of {"type", "data"}.
	Events json.RawMessage

	Reason *Error
}

// letters are kept under the lock of their connection.
type letters []DeadLetter

func (l *letters) keep(cause string, b *batch, reason *Error) {
	if !b.critical {
		return
	}
	*l = append(*l, DeadLetter{cause, b.channel, b.events, reason})
	if len(*l) > LetterEvents {
		*l = append(letters(nil), (*l)[1:]...)
	}
}

// TakeDeadLetters gives those that were kept, the oldest first, and forgets them: to send them again, or to write them down. It
// answers after Close too.
func (c *Connection) TakeDeadLetters() []DeadLetter {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.letters
	c.letters = nil
	return taken
}
