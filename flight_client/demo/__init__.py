"""The demonstration: real processes, a real gateway that is killed half way, and the books kept by both ends."""
