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

	// RetryAfter is when the gateway asks to come back.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (%s); %s", e.Fault, e.What, e.Value, e.NextStep)
}

func callerError(what string, value any, nextStep string) *Error {
	return &Error{Fault: FaultCaller, Code: "caller", What: what, Value: fmt.Sprint(value), NextStep: nextStep, Fatal: true}
}

func linkError(what string, value any, nextStep string) *Error {
	return &Error{Fault: FaultLink, Code: "link", What: what, Value: fmt.Sprint(value), NextStep: nextStep}
}

func asError(err error) *Error {
	var found *Error
	if errors.As(err, &found) {
		return found
	}
	return linkError("the request failed", err, "nothing: it is tried again")
}
