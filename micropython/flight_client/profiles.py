"""Generated from spec/flight.toml by build_scripts/generate.py. Do not edit."""

# channels whose events are critical unless the program says otherwise
CRITICAL = ('component-events', 'v6r-events', 'commands', 'command-results')

# per platform: client type, capabilities, slot_bytes, critical_slots, lossy_slots
LIMITS = {
    "dreamcast": (1, 3, 64, 32, 32),
    "psp": (1, 7, 64, 64, 64),
    "vita": (1, 15, 64, 256, 256),
    "v6r-cloud": (2, 31, 64, 1024, 1024),
    "web": (3, 31, 64, 1024, 1024),
    "host": (4, 31, 64, 1024, 1024),
    "micro": (1, 7, 64, 32, 32),
}
