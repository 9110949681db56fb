/* heatshrink over the bytes that our compression gets: window of 2^8, look-ahead of 2^4, with its index, no allocation. */
#include "peer.h"

#include <heatshrink_decoder.h>
#include <heatshrink_encoder.h>

static uint8_t raw[RAW_BATCH_BYTES];
static uint8_t packed[2 * RAW_BATCH_BYTES];
static uint8_t unpacked[RAW_BATCH_BYTES + 64];
static heatshrink_encoder encoder;
static heatshrink_decoder decoder;
static size_t packed_bytes;

static int pack(void)
{
    size_t given = 0, bytes;

    heatshrink_encoder_reset(&encoder);
    packed_bytes = 0;
    do {
        if (given < sizeof raw) {
            if (heatshrink_encoder_sink(&encoder, raw + given, sizeof raw - given, &bytes) != HSER_SINK_OK) {
                return 1;
            }
            given += bytes;
        }
        while (heatshrink_encoder_poll(&encoder, packed + packed_bytes, sizeof packed - packed_bytes, &bytes) ==
               HSER_POLL_MORE) {
            packed_bytes += bytes;
        }
        packed_bytes += bytes;
    } while (given < sizeof raw || heatshrink_encoder_finish(&encoder) == HSER_FINISH_MORE);
    return 0;
}

static int unpack(void)
{
    size_t given = 0, got = 0, bytes;

    heatshrink_decoder_reset(&decoder);
    while (given < packed_bytes) {
        if (heatshrink_decoder_sink(&decoder, packed + given, packed_bytes - given, &bytes) < 0) {
            return 1;
        }
        given += bytes;
        while (heatshrink_decoder_poll(&decoder, unpacked + got, sizeof unpacked - got, &bytes) == HSDR_POLL_MORE) {
            got += bytes;
        }
        got += bytes;
    }
    return got < sizeof raw;
}

static int prepare(void)
{
    event_raw_batch(raw);
    return pack() || unpack() || memcmp(raw, unpacked, sizeof raw) != 0;
}

const peer_operation peer_operations[] = {
    {"core.lz4_pack16", prepare, pack},
    {"core.lz4_unpack16", prepare, unpack},
};
const int peer_operations_count = 2;

void peer_values(void)
{
    peer_value("core.lz4_16_bytes", (uint32_t)packed_bytes);
}
