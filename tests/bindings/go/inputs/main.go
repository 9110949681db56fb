// What is unknown, and what cannot be.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	realtime "github.com/flight-core/shared-types/go/realtime"
)

func main() {
	var event realtime.Event
	text := `{"type":"memory-update","data":{"total":{"bytes":16777216,"humanReadable":"16MB"},
		"used":{"bytes":null,"humanReadable":"unknown"},"fragmentationRatio":null,"platform":"psp"}}`
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		panic(err)
	}
	data, ok := realtime.DataOf[realtime.MemoryUpdateData](event)
	fmt.Println(ok, *data.Total.Bytes, data.Used.Bytes == nil, data.FragmentationRatio == nil, data.Platform)
	_, other := realtime.DataOf[realtime.LogData](event)
	fmt.Println("another type:", other)

	_, err := realtime.GetPlatformConfig("amiga")
	fmt.Println(err)
	_, err = realtime.CreateFlightCoreClientInfo("web", "1.0.0")
	fmt.Println(err)
	info, _ := realtime.CreateFlightCoreClientInfo("dreamcast", "1.0.0")
	fmt.Println(info.Capabilities)
	_, err = realtime.EstablishConnection(context.Background(), info, "dreamcast", "", realtime.Options{})
	fmt.Println(err)
	_, err = realtime.EstablishConnection(context.Background(), info, "dreamcast", "token", realtime.Options{Address: "nowhere"})
	fmt.Println(err)
	channel, _ := realtime.CreateMemoryUpdatesChannel("dreamcast")
	fmt.Println(channel.Metadata["updateInterval"])

	now := time.UnixMilli(1_750_000_000_000)
	message := realtime.RealtimeMessage{ID: "1", MessageType: "log", Timestamp: now.UnixMilli(), Platform: "psp", Payload: "{}"}
	fmt.Println(realtime.ValidateRealtimeMessage(message, now))
	fmt.Println(realtime.ValidateRealtimeMessage(message, now.Add(10*time.Hour)))
	message.Platform = "host"
	fmt.Println(realtime.ValidateRealtimeMessage(message, now.Add(10*time.Hour)))
	message.Platform = "psp"
	message.Payload = string(make([]byte, 897))
	fmt.Println(realtime.ValidateRealtimeMessage(message, now))
}
