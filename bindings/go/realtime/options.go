package realtime

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"time"
)

// DefaultAddress is where a gateway listens that was told nothing else.
const DefaultAddress = "http://127.0.0.1:8080"

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

	// Timeout of EstablishConnection, by default the platform's; negative: it tries for ever.
	Timeout time.Duration

	HTTPClient *http.Client

	OnState func(StateChange)

	OnGap func(Gap)

	// OnError hears what no call could answer: a subscription that the gateway ended, a channel that it refused after a cut.
	OnError func(error)

	// OnTokenEnded: RenewToken within this time.
	OnTokenEnded func(grace time.Duration)

	// Random gives chances from 0 to 1, for tests.
	Random func() float64
}

func (o *Options) fillIn(platform *profile, token string) error {
	if token == "" {
		return callerError("there is no token", `""`, "make one with `flight gateway --print-token`")
	}
	if o.Address == "" {
		o.Address = DefaultAddress
	}
	o.Address = strings.TrimRight(o.Address, "/")
	if !strings.HasPrefix(o.Address, "http://") && !strings.HasPrefix(o.Address, "https://") {
		return callerError("the address is none of a gateway", o.Address, "write http://HOST:PORT or https://HOST:PORT")
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
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{}
	}
	return nil
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
