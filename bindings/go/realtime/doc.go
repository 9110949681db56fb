// Package realtime has the types of Flight's real-time events, and a small client for flight.v1.json over HTTP polling.
//
// It needs the standard library only. EstablishConnection gives a connection that comes back by itself after every cut and
// goes on where it was.
package realtime
