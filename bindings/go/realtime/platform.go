package realtime

import "strings"

// PlatformConfig is what is set for a platform. Times in ms.
type PlatformConfig struct {
	Platform string `json:"platform"`

	// MemoryConstraint is such as "16MB", or "host" where memory is not the limit.
	MemoryConstraint string `json:"memoryConstraint"`

	ConnectionMode ConnectionMode `json:"connectionMode"`

	// UpdateInterval lies between two polls.
	UpdateInterval int `json:"updateInterval"`

	// MaxRetries of a message that was refused; an outage spends none.
	MaxRetries int `json:"maxRetries"`

	Capabilities []string `json:"capabilities"`

	ConnectTimeoutMs int `json:"connectTimeoutMs"`

	RetryIntervalMs int `json:"retryIntervalMs"`

	// MaxConnections of one device in one channel; 0: any number.
	MaxConnections int `json:"maxConnections,omitempty"`

	BillingEnabled bool `json:"billingEnabled,omitempty"`

	SubscriptionTier string `json:"subscriptionTier,omitempty"`
}

// GetPlatformConfig gives what is set for a platform, and an *Error for an unknown name.
func GetPlatformConfig(platform string) (PlatformConfig, error) {
	found, err := profileOf(platform)
	if err != nil {
		return PlatformConfig{}, err
	}
	return PlatformConfig{
		Platform:         found.platform,
		MemoryConstraint: found.memoryConstraint,
		ConnectionMode:   ConnectionMode(found.connectionMode),
		UpdateInterval:   found.updateInterval,
		MaxRetries:       found.maxRetries,
		Capabilities:     append([]string(nil), found.capabilities...),
		ConnectTimeoutMs: found.connectTimeoutMs,
		RetryIntervalMs:  found.connectRetryIntervalMs,
		MaxConnections:   found.maxConnections,
		BillingEnabled:   found.billingEnabled,
		SubscriptionTier: found.subscriptionTier,
	}, nil
}

// GetPlatformCapabilities is what a client of this platform announces: its config's list, then polling-mode where its mode
// is polling. Empty for an unknown platform.
func GetPlatformCapabilities(platform string) []string {
	found, err := profileOf(platform)
	if err != nil {
		return nil
	}
	names := append([]string(nil), found.capabilities...)
	if found.connectionMode == string(ConnectionModePolling) {
		names = append(names, string(CapabilityPollingMode))
	}
	return names
}

// GetMemoryConstraint is "32MB" for a psp, and "" for an unknown platform.
func GetMemoryConstraint(platform string) string {
	found, err := profileOf(platform)
	if err != nil {
		return ""
	}
	return found.memoryConstraint
}

// GetMaxPayloadSize is the largest payload of one message in bytes, 0 for an unknown platform.
func GetMaxPayloadSize(platform string) int {
	found, err := profileOf(platform)
	if err != nil {
		return 0
	}
	return found.maxPayloadBytes
}

func profileOf(platform string) (*profile, error) {
	known := make([]string, 0, len(profiles))
	for place := range profiles {
		if profiles[place].platform == platform {
			return &profiles[place], nil
		}
		known = append(known, profiles[place].platform)
	}
	return nil, callerError("unknown platform", platform, "use one of: "+strings.Join(known, ", "))
}
