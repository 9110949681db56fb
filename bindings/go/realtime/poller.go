package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// replyBytes bounds a reply: it ends with the message that goes over the gateway's limit of 131,072 bytes.
const replyBytes = 16 << 20

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

	Messages []outgoing `json:"messages"`
}

type pollReply struct {
	PollKey string `json:"pollKey"`

	Messages []incoming `json:"messages"`
}

// post makes one request. The error is an *Error.
func (p *poller) post(ctx context.Context, body any) (*pollReply, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, callerError("the message cannot be written as JSON", err, "give finite numbers and valid text")
	}
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodPost, p.address+PollPath, bytes.NewReader(data))
	if err != nil {
		return nil, callerError("the address is none of a gateway", p.address, "write http://HOST:PORT or https://HOST:PORT")
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.http.Do(request)
	if err != nil {
		return nil, linkError("no gateway answers at "+p.address, err, "start one with `flight gateway`, or give its address")
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, replyBytes))
	if err != nil {
		return nil, linkError("the reply was cut off", err, "nothing: it is asked for again")
	}
	return readReply(response.StatusCode, text)
}

func readReply(status int, text []byte) (*pollReply, error) {
	var reply pollReply
	err := json.Unmarshal(text, &reply)
	if status == http.StatusOK && err == nil {
		return &reply, nil
	}
	if err == nil && len(reply.Messages) > 0 {
		return nil, reply.Messages[0].asError()
	}
	return nil, linkError("the answer is none of a gateway", fmt.Sprintf("status %d", status), "look at what answers there")
}
