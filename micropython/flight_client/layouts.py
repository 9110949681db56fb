"""Generated from spec/flight.toml by build_scripts/generate.py. Do not edit."""

# 32-bit words of the fixed part, narrow and wide, of each layout from 0; 0: there is none
FIXED = b"\x00\x00\x05\x09\x03\x04\x07\x0a\x01\x00\x01\x00\x04\x00\x01\x00\x02\x00\x02\x00"
