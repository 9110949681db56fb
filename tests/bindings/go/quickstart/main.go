// The guide's Quick Start: its import, calls and names, in a program of our own.
package main

import (
	"fmt"

	realtime "github.com/flight-core/shared-types/go/realtime"
)

func main() {
	client := realtime.ClientInfo{
		ClientType:   realtime.ClientTypeFlightCoreNative,
		Platform:     "psp",
		Version:      "1.0.0",
		Capabilities: []string{"basic-messaging", "memory-updates", "polling-mode"},
	}
	memoryConstraint := realtime.GetMemoryConstraint(client.Platform)
	fmt.Printf("PSP Memory Constraint: %s\n", memoryConstraint)

	routing := realtime.CreateMessageRouting("psp", realtime.MessagePriorityNormal, false)
	fmt.Printf("Max retries: %d, Interval: %dms\n",
		routing.RetryConfig.MaxRetries,
		routing.RetryConfig.RetryIntervalMs)
}
