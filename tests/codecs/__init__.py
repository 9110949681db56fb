"""The console client's transport codecs, as a library in this process: bytes in, bytes out."""
