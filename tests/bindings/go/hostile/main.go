// Servers that are none, programs that ask for what cannot be, and what is left after Close.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	realtime "github.com/flight-core/shared-types/go/realtime"
)

const limit = time.Minute

var info = realtime.ClientInfo{
	ClientType: realtime.ClientTypeHostTool, Platform: "host", Version: "1.0.0", Capabilities: []string{"basic-messaging"},
}

const welcome = `{"pollKey":"00","messages":[{"type":"welcome","incarnation":"89abcdef01234567","mark":0}]}`

// trouble is the first that a connection to this server has.
func trouble(answer http.HandlerFunc) string {
	server := httptest.NewServer(answer)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	first := make(chan string, 1)
	options := realtime.Options{
		Address: server.URL, Timeout: -1,
		OnState: func(change realtime.StateChange) {
			if change.NextAttempt > 0 || change.State == realtime.ConnectionStateFailed {
				select {
				case first <- change.Reason:
				default:
				}
			}
		},
		Random: func() float64 { return 0.5 },
	}
	go func() {
		if connection, err := realtime.EstablishConnection(ctx, info, "host", "a.b.c", options); err == nil {
			defer connection.Close()
			<-ctx.Done()
		}
	}()
	select {
	case reason := <-first:
		return strings.ReplaceAll(reason, server.URL, "ADDRESS")
	case <-ctx.Done():
		return "it was taken for a gateway"
	}
}

func says(texts ...string) http.HandlerFunc {
	var place int32 = -1
	return func(w http.ResponseWriter, _ *http.Request) {
		now := int(atomic.AddInt32(&place, 1))
		if now >= len(texts) {
			now = len(texts) - 1
		}
		_, _ = io.WriteString(w, texts[now])
	}
}

func hostile() {
	elsewhere := int32(0)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { atomic.AddInt32(&elsewhere, 1) }))
	defer other.Close()
	huge := func(w http.ResponseWriter, _ *http.Request) {
		part := []byte(strings.Repeat(" ", 1<<20))
		for sent := 0; sent < 18; sent++ {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}
	inSession := func(messages string) http.HandlerFunc { return says(welcome, `{"messages":[`+messages+`]}`) }
	cases := []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"garbled", says("<html>")},
		{"a list", says("[]")},
		{"no messages", says(`{"pollKey":"00"}`)},
		{"no welcome", says(`{"pollKey":"00","messages":[{"type":"pong"}]}`)},
		{"huge", huge},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/v1/poll", http.StatusTemporaryRedirect)
		}},
		{"not found", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }},
		{"bad gateway", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }},
		{"wrong type", inSession(`{"type":"events","channel":7}`)},
		{"beyond int64", inSession(`{"type":"gap","channel":"c","to":9223372036854775808}`)},
		{"refused", says(`{"messages":[{"type":"error","code":"credential","fault":"caller","fatal":true,"message":"no"}]}`)},
	}
	for _, each := range cases {
		reason := trouble(each.answer)
		if len(reason) > 200 {
			reason = reason[:200]
		}
		fmt.Println(each.name+":", strings.ReplaceAll(reason, other.URL, "OTHER"))
	}
	fmt.Println("elsewhere:", atomic.LoadInt32(&elsewhere))
}

// gateway answers what a client asks; it refuses critical events, and holds a poll that brings nothing until its client leaves.
func gateway() *httptest.Server {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text := string(body)
		field := func(name string) string {
			_, rest, _ := strings.Cut(text, `"`+name+`":"`)
			value, _, _ := strings.Cut(rest, `"`)
			return value
		}
		answer := ""
		switch {
		case strings.Contains(text, `"hello"`):
			_, _ = io.WriteString(w, welcome)
			return
		case strings.Contains(text, `"subscribe"`):
			answer = `{"type":"subscribed","channel":"c","epoch":"0123456789abcdef","offset":0,"id":"` + field("id") + `"}`
		case strings.Contains(text, `"counter"`):
			answer = `{"type":"error","code":"forbidden","fault":"caller","fatal":true,"message":"not yours","id":"` + field("id") + `"}`
		case r.Header.Get("Prefer") != "":
			select {
			case <-r.Context().Done():
			case <-over:
			}
		}
		_, _ = io.WriteString(w, `{"messages":[`+answer+`]}`)
	}))
	server.Config.RegisterOnShutdown(func() { close(over) })
	return server
}

func misuse(server *httptest.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	over, stop := context.WithCancel(ctx)
	stop()
	options := realtime.Options{Address: server.URL}
	//lint:ignore SA1012 that is the mistake
	_, err := realtime.EstablishConnection(nil, info, "host", "a.b.c", options) //nolint:staticcheck
	fmt.Println(err)
	_, err = realtime.EstablishConnection(over, info, "host", "a.b.c", options)
	fmt.Println(err, errors.Is(err, context.Canceled))
	_, err = realtime.EstablishConnection(ctx, info, "host", "a.b.c", realtime.Options{Address: "http://me:secret@host"})
	fmt.Println(err)
	connection, err := realtime.EstablishConnection(ctx, info, "host", "a.b.c", options)
	if err != nil {
		panic(err)
	}
	heard := func(realtime.Event, realtime.Delivery) {}
	fmt.Println(connection.Subscribe(ctx, "c", realtime.Start{}, nil))
	fmt.Println(connection.Subscribe(ctx, "c*", realtime.Start{After: &realtime.Position{}}, heard))
	fmt.Println(connection.Subscribe(ctx, "c", realtime.Start{}, heard), connection.Position("c").Offset)
	fmt.Println(connection.Subscribe(ctx, "c", realtime.Start{}, heard))
	publish := func(options realtime.PublishOptions, events ...realtime.EventData) {
		_, err := connection.Publish(ctx, "c", options, events...)
		fmt.Println(err)
	}
	publish(realtime.PublishOptions{})
	publish(realtime.PublishOptions{}, nil)
	publish(realtime.PublishOptions{}, &realtime.MemoryUpdateData{FragmentationRatio: realtime.Known(math.NaN())})
	publish(realtime.PublishOptions{Priority: "urgent"}, &realtime.LogData{})
	publish(realtime.PublishOptions{}, &realtime.LogData{Text: strings.Repeat("x", 200_000)})
	message := realtime.RealtimeMessage{
		ID: "1", MessageType: "log", Timestamp: time.Now().UnixMilli(), Platform: "host", Payload: "[]",
	}
	sends := func(channel string, wrong func(*realtime.RealtimeMessage)) {
		given := message
		wrong(&given)
		_, err := connection.Send(ctx, given, channel)
		fmt.Println(err)
	}
	sends("c", func(m *realtime.RealtimeMessage) {})
	sends("c", func(m *realtime.RealtimeMessage) { m.Payload = "null" })
	sends("c", func(m *realtime.RealtimeMessage) { m.Platform = "psp" })
	sends("c", func(m *realtime.RealtimeMessage) { m.MessageType = "save-game" })
	sends("", func(m *realtime.RealtimeMessage) { m.MessageType = "payload" })
	sends("c", func(m *realtime.RealtimeMessage) { m.ID = "" })
	pending, _ := connection.Queue("c", realtime.PublishOptions{Critical: true}, &realtime.LogData{Text: "x"})
	for turn := 0; turn < 2; turn++ {
		_, err := pending.Wait(ctx)
		fmt.Println(err)
	}
	for _, letter := range connection.TakeDeadLetters() {
		fmt.Println(letter.Cause, letter.Channel, strings.Contains(string(letter.Events), `"text":"x"`), letter.Reason.Code)
	}
	connection.Close()
	connection.Close()
	publish(realtime.PublishOptions{}, &realtime.LogData{})
	say := func(err error) { fmt.Println(strings.ReplaceAll(err.Error(), server.URL, "ADDRESS")) }
	say(connection.Subscribe(ctx, "d", realtime.Start{}, heard))
	say(connection.RenewToken(ctx, "a.b.c"))
}

// leaves opens connections, uses them and closes them, from many goroutines.
func leaves(server *httptest.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var all sync.WaitGroup
	for number := 0; number < 8; number++ {
		number := number
		all.Add(1)
		go func() {
			defer all.Done()
			connection, err := realtime.EstablishConnection(ctx, info, "host", "a.b.c", realtime.Options{Address: server.URL})
			if err != nil {
				panic(err)
			}
			if err := connection.Subscribe(ctx, "c", realtime.Start{}, func(realtime.Event, realtime.Delivery) {}); err != nil {
				panic(err)
			}
			forLong := realtime.PublishOptions{Expires: time.Hour}
			_, _ = connection.Queue("c", forLong, &realtime.LogData{Text: fmt.Sprint(number)})
			connection.Close()
		}()
	}
	all.Wait()
}

func main() {
	before := runtime.NumGoroutine()
	hostile()
	server := gateway()
	misuse(server)
	leaves(server)
	_ = server.Config.Shutdown(context.Background())
	server.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for end := time.Now().Add(limit); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			buffer := make([]byte, 1<<20)
			os.Stdout.Write(buffer[:runtime.Stack(buffer, true)])
			os.Exit(1)
		}
		time.Sleep(time.Millisecond)
	}
	fmt.Println("goroutines left:", runtime.NumGoroutine()-before)
}
