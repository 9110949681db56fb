package realtime

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultAddress is where a gateway listens that was told nothing else.
const DefaultAddress = "http://127.0.0.1:8080"

// longestHold is what a gateway holds a reply at most.
const longestHold = 25 * time.Second

// StateChange is one change of a connection. Reason is a sentence; NextAttempt is 0 where none is planned.
type StateChange struct {
	State ConnectionState

	Reason string

	NextAttempt time.Duration
}

// Options of a connection; the zero value is right for a gateway on this machine. The functions are called on the
// connection's goroutine and must not wait for the connection.
type Options struct {
	// Address of the gateway, by default DefaultAddress.
	Address string

	// DeviceID: one device has one session. By default the one that the token names, else a random one.
	DeviceID string

	// UpdateInterval between two polls when nothing is urgent, by default the platform's.
	UpdateInterval time.Duration

	// Hold is how long the gateway may hold the reply to a poll while it has nothing to say; negative: not at all. By default
	// 25 s, and not at all on platforms that poll by nature, or where UpdateInterval is given.
	Hold time.Duration

	// Timeout of EstablishConnection, by default the platform's; negative: it tries for ever.
	Timeout time.Duration

	// HTTPClient: by default one of the connection's own, whose connections end with it. Redirects are never followed: a token
	// is not carried on to another server.
	HTTPClient *http.Client

	OnState func(StateChange)

	OnGap func(Gap)

	// OnError hears what no call could answer: a subscription that the gateway ended, a channel that it refused after a cut.
	OnError func(error)

	// OnTokenEnded: RenewToken within this time.
	OnTokenEnded func(grace time.Duration)

	// Random gives chances from 0 to 1, for tests.
	Random func() float64

	ownTransport bool
}

func (o *Options) fillIn(platform *profile, token string) error {
	if token == "" {
		return callerError("there is no token", `""`, "make one with `flight gateway --print-token`")
	}
	if o.Address == "" {
		o.Address = DefaultAddress
	}
	o.Address = strings.TrimRight(o.Address, "/")
	if err := checkAddress(o.Address); err != nil {
		return err
	}
	if o.UpdateInterval < 0 {
		return callerError("UpdateInterval is negative", o.UpdateInterval, "give a time, or 0 for the platform's")
	}
	if o.Hold == 0 && o.UpdateInterval == 0 && platform.connectionMode != string(ConnectionModePolling) {
		o.Hold = longestHold
	}
	if o.Random == nil {
		o.Random = rand.New(rand.NewSource(time.Now().UnixNano())).Float64
	}
	if o.DeviceID == "" {
		o.DeviceID = subjectOf(token)
	}
	if o.DeviceID == "" {
		o.DeviceID = fmt.Sprintf("%s-%08x", platform.platform, uint32(o.Random()*(1<<32)))
	}
	if o.UpdateInterval == 0 {
		o.UpdateInterval = time.Duration(platform.updateInterval) * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = time.Duration(platform.connectTimeoutMs) * time.Millisecond
	}
	client := http.Client{}
	if o.HTTPClient != nil {
		client = *o.HTTPClient
	} else if shared, ok := http.DefaultTransport.(*http.Transport); ok {
		client.Transport = shared.Clone()
		o.ownTransport = true
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTPClient = &client
	return nil
}

func checkAddress(address string) error {
	shown := address
	parts, err := url.Parse(address)
	if err == nil && parts.User != nil {
		shown = "(hidden: it may hold a secret)"
	} else if err == nil && (parts.Scheme == "http" || parts.Scheme == "https") && parts.Host != "" &&
		parts.Path+parts.RawQuery+parts.Fragment == "" {
		return nil
	}
	return callerError("the address is none of a gateway", shown, "write http://HOST:PORT or https://HOST:PORT")
}

// subjectOf is the device that a token is for, where it names one. Nothing is verified: that is the gateway's.
func subjectOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Subject string `json:"sub"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil || strings.HasSuffix(claims.Subject, "*") {
		return ""
	}
	return claims.Subject
}
