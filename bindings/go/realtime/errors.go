package realtime

import (
	"errors"
	"fmt"
	"time"
)

// Fault says whose it is: FaultCaller, FaultPeer or FaultLink.
type Fault string

// FaultCaller: this program asked for something that cannot be.
const FaultCaller Fault = "caller"

// FaultPeer: the gateway could not, or would not.
const FaultPeer Fault = "peer"

// FaultLink: the way to the gateway broke, or there is none now.
const FaultLink Fault = "link"

// Error is what goes wrong: whose fault it is, what, with which value, and what to do next.
type Error struct {
	Fault Fault

	// Code is a name of the reference's table of codes, "caller" or "link".
	Code string

	What, Value, NextStep string

	// Fatal: the same again will not help.
	Fatal bool

	// Cause is what lies behind, such as context.Canceled; nil for none.
	Cause error

	// RetryAfter is when the gateway asks to come back.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (%s); %s", e.Fault, e.What, e.Value, e.NextStep)
}

// Unwrap is for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Cause }

func callerError(what string, value any, nextStep string) *Error {
	return &Error{Fault: FaultCaller, Code: "caller", What: what, Value: fmt.Sprint(value), NextStep: nextStep, Fatal: true}
}

func linkError(what string, value any, nextStep string) *Error {
	return &Error{Fault: FaultLink, Code: "link", What: what, Value: fmt.Sprint(value), NextStep: nextStep}
}

func peerError(what string, value any, nextStep string) *Error {
	return &Error{Fault: FaultPeer, Code: "malformed", What: what, Value: bounded(fmt.Sprint(value)), NextStep: nextStep}
}

// endedError: the caller's context was over first.
func endedError(what string, err error) *Error {
	return &Error{
		Fault: FaultCaller, Code: "context", What: what, Value: err.Error(), NextStep: "give it more time", Cause: err,
	}
}

func bounded(text string) string {
	if len(text) > 160 {
		return text[:160]
	}
	return text
}

func asError(err error) *Error {
	var found *Error
	if errors.As(err, &found) {
		return found
	}
	return linkError("the request failed", err, "nothing: it is tried again")
}
