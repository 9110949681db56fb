package realtime

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"
)

// bodyBytes that the messages of one request have together; the gateway takes 131,072.
const bodyBytes = 120_000

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

	queue []json.RawMessage

	requests map[string]func(*incoming, *Error)

	lastRequest int

	channels, patterns map[string]*followed

	outbox outbox

	letters letters

	anew, closing bool

	hint time.Duration

	told []func()
}

// EstablishConnection connects to a gateway; it is connected when this returns without an error. ctx bounds the attempt, not the
// connection: Close ends that.
func EstablishConnection(ctx context.Context, info ClientInfo, platform, authToken string, options Options) (*Connection, error) {
	if ctx == nil {
		return nil, callerError("there is no context", "nil", "give context.Background()")
	}
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
		requests: map[string]func(*incoming, *Error){}, channels: map[string]*followed{}, patterns: map[string]*followed{},
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
	limited := ctx
	if c.options.Timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, c.options.Timeout)
		defer cancel()
	}
	connected := make(chan error, 1)
	c.turn(ConnectionStateConnecting, "", 0)
	go c.run(connected)
	select {
	case err := <-connected:
		if err != nil {
			<-c.done
		}
		return err
	case <-limited.Done():
		c.mu.Lock()
		err := c.lastError
		c.mu.Unlock()
		c.Close()
		if ctx.Err() != nil {
			return endedError("the context was over before a gateway answered", ctx.Err())
		}
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

// PublishOptions of one Publish; the zero value does what the channel says.
type PublishOptions struct {
	// Critical events are stored once, acknowledged, and sent again after a cut.
	Critical bool

	Priority MessagePriority

	// Retry of critical events that the gateway could not store, by default three times after 2 s.
	Retry *RetryConfig

	// Expires: after so long they are not sent any more, and refused with the code "expired". 0: they wait for ever.
	Expires time.Duration
}

// Pending is what Queue gave: a batch on its way.
type Pending struct{ batch *batch }

// Wait returns when the gateway has stored the events, once. When ctx ends first they may be stored all the same.
func (p *Pending) Wait(ctx context.Context) (Ack, error) {
	select {
	case <-p.batch.done:
		return p.batch.ack, p.batch.err
	case <-ctx.Done():
		return Ack{}, endedError("the context was over before the events were stored", ctx.Err())
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
	b, err := newBatch(channel, options, events)
	if err != nil {
		return nil, err
	}
	if err := c.add(b); err != nil {
		return nil, err
	}
	return &Pending{b}, nil
}

func (c *Connection) add(b *batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(); err != nil {
		return err
	}
	if !b.expires.IsZero() {
		b.timer = time.AfterFunc(time.Until(b.expires), c.outbox.expire)
	}
	return c.outbox.add(b)
}

// RenewToken goes on with a new token of the same subject; without a session the next one begins with it.
func (c *Connection) RenewToken(ctx context.Context, token string) error {
	if token == "" {
		return callerError("there is no token", `""`, "make a new one for the same subject")
	}
	answered := make(chan error, 1)
	if err := c.renew(token, answered); err != nil {
		return err
	}
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return endedError("the context was over before the token was taken", ctx.Err())
	}
}

func (c *Connection) renew(token string, answered chan error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkOpen(); err != nil {
		return err
	}
	if !c.outbox.ready {
		c.token = token
		answered <- nil
		return nil
	}
	c.ask(outgoing{"type": "token", "token": token}, func(_ *incoming, err *Error) {
		if err == nil {
			c.token = token
			answered <- nil
			return
		}
		answered <- err
	})
	return nil
}

// Close says goodbye; what was published and not stored is refused. It ends within two seconds. Called by a handler, it returns
// before that handler has.
func (c *Connection) Close() {
	c.mu.Lock()
	if c.over() {
		c.mu.Unlock()
		c.waitFor(c.done)
		return
	}
	c.closing = true
	if !c.outbox.ready { // nobody is there to hear a goodbye
		c.cancel()
	}
	c.queue = append(c.queue, json.RawMessage(`{"type":"close"}`))
	c.mu.Unlock()
	c.turn(ConnectionStateClosed, "Close was called", 0)
	c.poke()
	c.waitFor(c.done)
	c.cancel()
	c.waitFor(c.done)
}

func (c *Connection) waitFor(done chan struct{}) {
	timer := time.NewTimer(CloseWaitMs * time.Millisecond)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
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
	message["id"] = id
	text, err := json.Marshal(message)
	if err != nil {
		answer(nil, callerError("the message cannot be written as JSON", err, "give finite numbers and valid text"))
		return
	}
	c.requests[id] = answer
	c.queue = append(c.queue, text)
	c.poke()
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
