/* LZ4's own block coder over the bytes that ours gets, with a table as large as ours. */
#include "peer.h"

#include <lz4.h>

static char raw[RAW_BATCH_BYTES];
static char packed[LZ4_COMPRESSBOUND(RAW_BATCH_BYTES)];
static char unpacked[RAW_BATCH_BYTES];
static uint64_t state[LZ4_STREAM_MINSIZE / 8];
static int packed_bytes;

static int pack(void)
{
    packed_bytes = LZ4_compress_fast_extState(state, raw, packed, sizeof raw, sizeof packed, 1);
    return packed_bytes <= 0;
}

static int unpack(void)
{
    return LZ4_decompress_safe(packed, unpacked, packed_bytes, sizeof unpacked) != (int)sizeof raw;
}

static int prepare(void)
{
    event_raw_batch((uint8_t *)raw);
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
