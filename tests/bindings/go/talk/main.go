// Talks to a gateway as it is told on standard input, and says on standard output what it hears. See tests/bindings/talker.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	realtime "github.com/flight-core/shared-types/go/realtime"
)

type told struct {
	Device, Channel string

	Lose bool

	TimeoutMs, HoldMs int64

	Start struct{ Last int }
}

var output sync.Mutex

func say(parts ...any) {
	texts := make([]string, len(parts))
	for place, part := range parts {
		text, _ := json.Marshal(part)
		texts[place] = string(text)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(strings.Join(texts, " "))
}

func failed(err error) {
	var found *realtime.Error
	if errors.As(err, &found) {
		say("error", found.Code, found.Fault, found.What, found.Value, found.NextStep)
		return
	}
	say("error", "", "", err.Error(), "", "")
}

// leaky loses every third reply after the gateway has done what was asked.
type leaky struct{ requests int }

func (l *leaky) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	l.requests++
	if err == nil && l.requests%3 == 0 {
		response.Body.Close()
		return nil, errors.New("the reply was lost")
	}
	return response, err
}

func main() {
	var words told
	if err := json.Unmarshal([]byte(os.Args[3]), &words); err != nil {
		panic(err)
	}
	options := realtime.Options{
		Address: os.Args[1], DeviceID: words.Device, UpdateInterval: 50 * time.Millisecond, Timeout: time.Minute,
		OnError: failed, OnGap: func(gap realtime.Gap) { say("gap", gap.Reason) },
		OnState: func(change realtime.StateChange) {
			say("state", change.State, change.NextAttempt.Milliseconds(), change.Reason)
		},
	}
	if words.TimeoutMs > 0 {
		options.Timeout = time.Duration(words.TimeoutMs) * time.Millisecond
	}
	options.Hold = time.Duration(words.HoldMs) * time.Millisecond
	if words.Lose {
		options.HTTPClient = &http.Client{Transport: &leaky{}}
	}
	info := realtime.ClientInfo{
		ClientType: realtime.ClientTypeHostTool, Platform: "host", Version: "1.0.0",
		Capabilities: []string{"basic-messaging"},
	}
	ctx := context.Background()
	connection, err := realtime.EstablishConnection(ctx, info, "host", os.Args[2], options)
	if err != nil {
		failed(err)
		os.Exit(1)
	}
	say("transport", "polling")
	start := realtime.Start{Last: words.Start.Last}
	err = connection.Subscribe(ctx, words.Channel, start, func(event realtime.Event, _ realtime.Delivery) {
		if data, ok := realtime.DataOf[realtime.LogData](event); ok {
			say("heard", data.Text)
		}
	})
	if err != nil {
		failed(err)
		connection.Close()
		os.Exit(1)
	}
	say("subscribed")
	obey(ctx, connection, words.Channel)
}

// obey publishes in the order of the lines, and says later what became of it.
func obey(ctx context.Context, connection *realtime.Connection, channel string) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var command [2]string
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			panic(err)
		}
		if command[0] == "close" {
			connection.Close()
			say("closed")
			return
		}
		text := command[1]
		if command[0] == "subscribe" {
			if err := connection.Subscribe(ctx, text, realtime.Start{}, func(realtime.Event, realtime.Delivery) {}); err != nil {
				failed(err)
			} else {
				say("subscribed")
			}
			continue
		}
		if command[0] == "send" {
			go send(ctx, connection, channel, text)
			continue
		}
		if command[0] == "publish-in" {
			channel = text
		}
		data := &realtime.LogData{Level: realtime.LogLevelInfo, Text: text}
		publish := realtime.PublishOptions{Critical: command[0] == "critical"}
		pending, err := connection.Queue(channel, publish, data)
		if err != nil {
			failed(err)
			continue
		}
		go func() {
			ack, err := pending.Wait(ctx)
			if err != nil {
				failed(err)
				return
			}
			say("stored", text, ack.Status)
		}()
	}
}

// send says what became of a message whose payload is this log line.
func send(ctx context.Context, connection *realtime.Connection, channel, text string) {
	payload, _ := json.Marshal(map[string]string{"text": text})
	ack, err := connection.Send(ctx, realtime.RealtimeMessage{
		ID: "m-1", MessageType: "log", Timestamp: time.Now().UnixMilli(), Platform: "host", Payload: string(payload),
		Priority: realtime.MessagePriorityHigh,
		Routing:  realtime.MessageRouting{RequiresAck: true, RetryConfig: realtime.RetryConfig{MaxRetries: 1, RetryIntervalMs: 5}},
	}, channel)
	if err != nil {
		failed(err)
		return
	}
	say("stored", text, ack.Status)
}
