package realtime

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// bodyMessages that one request carries at most.
const bodyMessages = 16

// Connection is a connection to a gateway: it carries all channels, comes back by itself, and goes on where it was. Its
// methods may be called from every goroutine.
type Connection struct {
	info ClientInfo

	platform *profile

	options Options

	poller poller

	backoff backoff

	ctx context.Context

	cancel context.CancelFunc

	done, wake chan struct{}

	mu sync.Mutex // over everything below

	state ConnectionState

	lastError *Error

	token string

	connectedAt time.Time

	queue []outgoing

	requests map[string]func(*incoming, *Error)

	lastRequest int

	channels map[string]*followed

	outbox outbox

	anew, closing bool

	hint time.Duration

	told []func()
}

// EstablishConnection connects to a gateway; it is connected when this returns without an error.
func EstablishConnection(ctx context.Context, info ClientInfo, platform, authToken string, options Options) (*Connection, error) {
	found, err := profileOf(platform)
	if err != nil {
		return nil, err
	}
	if err := options.fillIn(found, authToken); err != nil {
		return nil, err
	}
	c := &Connection{
		info: info, platform: found, options: options, token: authToken,
		state: ConnectionStateDisconnected, done: make(chan struct{}), wake: make(chan struct{}, 1),
		requests: map[string]func(*incoming, *Error){}, channels: map[string]*followed{},
	}
	timeout := time.Duration(found.connectTimeoutMs) * time.Millisecond
	c.poller = poller{options.HTTPClient, options.Address, timeout}
	c.backoff = backoff{limits: found, random: options.Random}
	c.outbox = outbox{connection: c, nextCounter: 1}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Connection) open(ctx context.Context) error {
	if c.options.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, c.options.Timeout)
		defer cancel()
		ctx = limited
	}
	connected := make(chan error, 1)
	c.turn(ConnectionStateConnecting, "", 0)
	go c.run(connected)
	select {
	case err := <-connected:
		return err
	case <-ctx.Done():
		c.mu.Lock()
		err := c.lastError
		c.mu.Unlock()
		c.Close()
		if err != nil {
			return err
		}
		return linkError("no gateway answered in time", c.options.Address, "start one with `flight gateway`, or give its address")
	}
}

// State of the connection now.
func (c *Connection) State() ConnectionState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Subscribe hears the events of a channel from now on; it returns when the gateway has said yes.
func (c *Connection) Subscribe(ctx context.Context, channel string, start Start, handler Handler) error {
	if err := checkChannel(channel); err != nil {
		return err
	}
	f := &followed{handler: handler, start: start, begun: make(chan error, 1)}
	if err := c.follow(channel, f); err != nil {
		return err
	}
	select {
	case err := <-f.begun:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Connection) follow(channel string, f *followed) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(); err != nil {
		return err
	}
	if c.channels[channel] != nil {
		return callerError("already subscribed to", channel, "unsubscribe first, or share the handler")
	}
	c.channels[channel] = f
	if c.outbox.ready {
		c.askFor(channel, f)
	}
	return nil
}

// Unsubscribe hears nothing more of a channel.
func (c *Connection) Unsubscribe(channel string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.channels[channel] == nil {
		return
	}
	delete(c.channels, channel)
	if c.outbox.ready {
		c.ask(outgoing{"type": "unsubscribe", "channel": channel}, func(*incoming, *Error) {})
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

// PublishOptions of one Publish; the zero value does what the channel says.
type PublishOptions struct {
	// Critical events are stored once, acknowledged, and sent again after a cut.
	Critical bool

	Priority MessagePriority

	// Retry of critical events that the gateway could not store, by default three times after 2 s.
	Retry *RetryConfig
}

// Pending is what Queue gave: a batch on its way.
type Pending struct{ batch *batch }

// Wait returns when the gateway has stored the events, once. When ctx ends first they may be stored all the same.
func (p *Pending) Wait(ctx context.Context) (Ack, error) {
	select {
	case found := <-p.batch.done:
		return found.ack, found.err
	case <-ctx.Done():
		return Ack{}, ctx.Err()
	}
}

// Publish is Queue and Wait.
func (c *Connection) Publish(ctx context.Context, channel string, options PublishOptions, events ...EventData) (Ack, error) {
	pending, err := c.Queue(channel, options, events...)
	if err != nil {
		return Ack{}, err
	}
	return pending.Wait(ctx)
}

// Queue returns at once; batches go in the order of their calls, critical and lossy ones each in their own.
func (c *Connection) Queue(channel string, options PublishOptions, events ...EventData) (*Pending, error) {
	if err := checkChannel(channel); err != nil {
		return nil, err
	}
	listed := make([]map[string]any, len(events))
	for place, data := range events {
		listed[place] = map[string]any{"type": data.TypeOfEvent(), "data": data}
	}
	b := &batch{
		message: outgoing{"type": "publish", "channel": channel, "events": listed},
		events:  int64(len(events)), retry: RetryConfig{RetryCount, RetryIntervalMs}, done: make(chan outcome, 1),
	}
	b.critical = options.Critical || options.Priority == MessagePriorityCritical || isCriticalChannel(channel)
	if options.Priority != "" {
		b.message["priority"] = options.Priority
	}
	if options.Retry != nil {
		b.retry = *options.Retry
	}
	return &Pending{b}, c.add(b)
}

func (c *Connection) add(b *batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(); err != nil {
		return err
	}
	return c.outbox.add(b)
}

// RenewToken goes on with a new token of the same subject.
func (c *Connection) RenewToken(ctx context.Context, token string) error {
	answered := make(chan error, 1)
	c.mu.Lock()
	c.ask(outgoing{"type": "token", "token": token}, func(_ *incoming, err *Error) {
		if err == nil {
			c.token = token
			answered <- nil
			return
		}
		answered <- err
	})
	c.mu.Unlock()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close says goodbye; what was published and not stored is refused. It ends within a second.
func (c *Connection) Close() {
	c.mu.Lock()
	if c.over() {
		c.mu.Unlock()
		return
	}
	c.closing = true
	c.queue = append(c.queue, outgoing{"type": "close"})
	c.mu.Unlock()
	c.turn(ConnectionStateClosed, "Close was called", 0)
	c.poke()
	select {
	case <-c.done:
	case <-time.After(CloseWaitMs * time.Millisecond):
	}
	c.cancel()
	<-c.done
}

func (c *Connection) over() bool {
	return c.state == ConnectionStateClosed || c.state == ConnectionStateFailed
}

func (c *Connection) checkOpen() error {
	if c.over() {
		return callerError("the connection is "+string(c.state), c.options.Address, "establish a new one")
	}
	return nil
}

// ask queues a request, under the lock; the answer comes under the lock too.
func (c *Connection) ask(message outgoing, answer func(*incoming, *Error)) {
	c.lastRequest++
	id := strconv.Itoa(c.lastRequest)
	asked := outgoing{"id": id}
	for name, value := range message {
		asked[name] = value
	}
	c.requests[id] = answer
	c.queue = append(c.queue, asked)
	c.poke()
}

func (c *Connection) askFor(channel string, f *followed) {
	c.ask(f.request(channel), func(answer *incoming, err *Error) {
		if err == nil {
			if f.at == nil {
				f.at = &Position{answer.Epoch, answer.Offset}
			}
			f.begin(nil)
		} else if err.Fault != FaultLink { // after a cut it is asked for again
			delete(c.channels, channel)
			f.begin(err)
			c.tell(func() { c.onError(err) })
		}
	})
}

func (c *Connection) beginAnew() { c.anew = true }

func (c *Connection) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// tell calls a function of the application once the lock is free.
func (c *Connection) tell(call func()) { c.told = append(c.told, call) }

func (c *Connection) onError(err error) {
	if c.options.OnError != nil {
		c.options.OnError(err)
	}
}

func (c *Connection) turn(state ConnectionState, reason string, next time.Duration) {
	c.mu.Lock()
	same := c.over() || c.state == state && next == 0
	if !same {
		c.state = state
	}
	c.mu.Unlock()
	if !same && c.options.OnState != nil {
		c.options.OnState(StateChange{state, reason, next})
	}
}
