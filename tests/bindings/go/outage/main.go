// A program that goes on publishing while a session lives on and its gateway does not answer.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	realtime "github.com/flight-core/shared-types/go/realtime"
)

const published = 2000

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var asked int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if atomic.AddInt32(&asked, 1) == 1 {
			_, _ = io.WriteString(w, `{"pollKey":"00","messages":[{"type":"welcome","incarnation":"89abcdef01234567","mark":0}]}`)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	info := realtime.ClientInfo{
		ClientType: realtime.ClientTypeHostTool, Platform: "host", Version: "1.0.0", Capabilities: []string{"basic-messaging"},
	}
	connection, err := realtime.EstablishConnection(ctx, info, "host", "a.b.c", realtime.Options{Address: server.URL})
	if err != nil {
		panic(err)
	}
	var pending []*realtime.Pending
	for number := 0; number < published; number++ {
		one, err := connection.Queue("c", realtime.PublishOptions{}, &realtime.LogData{Text: fmt.Sprint(number)})
		if err != nil {
			panic(err)
		}
		pending = append(pending, one)
	}
	connection.Close()
	givenUp := 0
	for _, one := range pending {
		if _, err := one.Wait(ctx); err != nil && strings.Contains(err.Error(), "given up for newer events") {
			givenUp++
		}
	}
	fmt.Println("given up:", givenUp, "told:", len(pending))
}
