"""The session: what makes transports interchangeable. No I/O, no clock, no random source, no thread, no task.

`common` and `device` are written in the subset that CPython and MicroPython share and run on both; `gateway` is the
other role. A step takes preallocated buffers and returns an integer code; results stay in fields of the object.
"""
