package realtime

import (
	"math"
	"time"
)

// backoff says how long to stay away after a failure: full jitter, so that clients that lost one gateway do not come back as
// one. The first attempt comes within a short spread, each later one anywhere below a ceiling that doubles, never under the
// floor.
type backoff struct {
	limits *profile

	random func() float64

	failures int
}

func (b *backoff) next(hint time.Duration) time.Duration {
	failures := b.failures
	b.failures++
	if failures == 0 {
		return hint + milliseconds(b.random()*ReconnectSpreadMs)
	}
	doublings := math.Min(float64(failures-1), 30)
	ceilingMs := math.Min(float64(b.limits.backoffCapMs), float64(b.limits.connectRetryIntervalMs)*math.Pow(2, doublings))
	return hint + milliseconds(math.Max(float64(b.limits.backoffFloorMs), b.random()*ceilingMs))
}

// lived: a connection ended that lived so long. Only a healthy one makes the waits short again.
func (b *backoff) lived(span time.Duration) {
	if span >= HealthyMs*time.Millisecond {
		b.failures = 0
	}
}

func milliseconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Millisecond))
}
