/* proves: flight_stream_push flight_stream_give_up
 * with: flight_stream.c flight_frame.c
 * bound: one call from any sound state of a stream of 40 bytes, with up to 12 bytes: so any number of calls
 * unwind: 42
 * bug: flight_stream.c: if (unread_bytes > stream->start) { => if (unread_bytes > stream->start + 4) {
 */
#include "stream.h"

int main(void)
{
    flight_stream stream = any_stream();
    const flight_stream before = stream;
    const uint32_t bytes = up_to(12);
    const uint8_t *data = any_bytes(bytes);
    const size_t taken = flight_stream_push(&stream, data, bytes);

    PROVE(taken <= bytes);
    PROVE(stream_is_sound(&stream));
    PROVE(stream.end - stream.start == before.end - before.start + taken);
    /* a move never costs more bytes than it frees */
    PROVE(stream.start == before.start || before.end - before.start <= before.start);
    flight_stream_give_up(&stream);
    PROVE(stream_is_sound(&stream));
    return 0;
}
