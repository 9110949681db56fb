package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// replyBytes bounds a reply: it ends with the message that goes over the gateway's limit of 131,072 bytes.
const replyBytes = 16 << 20

const look = "look at what answers at that address"

// poller makes the requests of a connection.
type poller struct {
	http *http.Client

	address string

	timeout time.Duration
}

type pollRequest struct {
	PollKey string `json:"pollKey"`

	Token string `json:"token"`

	Number int64 `json:"number"`

	Messages []json.RawMessage `json:"messages"`
}

type pollReply struct {
	PollKey string `json:"pollKey"`

	Messages []incoming `json:"messages"`
}

// post makes one request, whose reply the gateway may hold for so long. The error is an *Error.
func (p *poller) post(ctx context.Context, body any, hold time.Duration) (*pollReply, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, callerError("the message cannot be written as JSON", err, "give finite numbers and valid text")
	}
	limited, cancel := context.WithTimeout(ctx, p.timeout+hold)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodPost, p.address+PollPath, bytes.NewReader(data))
	if err != nil {
		return nil, callerError("the address is none of a gateway", p.address, "write http://HOST:PORT or https://HOST:PORT")
	}
	request.Header.Set("Content-Type", "application/json")
	if hold >= time.Second {
		request.Header.Set("Prefer", "wait="+strconv.Itoa(int(hold/time.Second)))
	}
	response, err := p.http.Do(request)
	if err != nil {
		return nil, linkError("no gateway answers at "+p.address, err, "start one with `flight gateway`, or give its address")
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, replyBytes+1))
	if err != nil {
		return nil, linkError("the reply was cut off", err, "nothing: it is asked for again")
	}
	if len(text) > replyBytes {
		return nil, peerError("the reply is too large", fmt.Sprintf("over %d bytes", replyBytes), look)
	}
	return readReply(response, text)
}

func readReply(response *http.Response, text []byte) (*pollReply, error) {
	status := response.StatusCode
	if status >= 300 && status < 400 {
		return nil, peerError("the address answers with a redirect", response.Header.Get("Location"), "give the address that it leads to")
	}
	var reply pollReply
	err := json.Unmarshal(text, &reply)
	if status == http.StatusOK {
		if err != nil {
			return nil, peerError("the reply is none of a gateway: "+err.Error(), string(text), look)
		}
		if reply.Messages == nil {
			return nil, peerError("the reply has no messages", string(text), look)
		}
		return &reply, nil
	}
	if err == nil && len(reply.Messages) > 0 {
		return nil, reply.Messages[0].asError()
	}
	if status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests {
		// A proxy whose gateway is away says so; the session may live on.
		return nil, linkError("something before the gateway refused", fmt.Sprintf("status %d", status), "nothing: it is tried again")
	}
	return nil, peerError("the answer is none of a gateway", fmt.Sprintf("status %d", status), look)
}
