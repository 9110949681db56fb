/* proves: flight_stream_next
 * with: flight_stream.c flight_frame.c
 * bound: one call from any sound state of a stream of 40 bytes with up to 22 waiting, any content, any CRC: so any number of calls on such
 * unwind: 42
 * bug: flight_stream.c: if ((uint32_t)frame_bytes > stream->end - stream->start) { => if ((uint32_t)frame_bytes > stream->end) {
 */
#define WAITING 22
#include "stream.h"

int main(void)
{
    flight_stream stream = any_stream();
    const flight_stream before = stream;
    flight_frame frame;
    const int bytes = flight_stream_next(&stream, &frame);

    PROVE(bytes >= 0 && bytes <= LIMIT);
    PROVE(stream_is_sound(&stream));
    PROVE(stream.end == before.end && stream.start >= before.start + (uint32_t)bytes);
    /* every byte is accounted for */
    PROVE(stream.start - before.start == (uint32_t)bytes + (stream.garbage_bytes - before.garbage_bytes));
    if (bytes > 0) {
        PROVE(frame.payload + frame.payload_bytes <= stream_memory + stream.start);
        PROVE((frame.flags & stream.required_flags) == stream.required_flags);
    }
    return 0;
}
