/* What outlives a power cycle: the resume record in two copies, and what an exception handler wrote down. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT && FLIGHT_RECORDS

#define MAGIC 0x4346u
#define FORM 1u
#define TEXT_AT 16u
#define WORDS_AT (TEXT_AT + FLIGHT_CRASH_TEXT_BYTES)
#define CRC_AT (FLIGHT_CRASH_RECORD_BYTES - 4u)
#define WORDS_A_LINE 8u

/* ---- resume ---- */

/* Read one copy; what cannot be read looks like damage, what was never written like nothing. */
static void load_copy(const flight_client *client, unsigned number, uint8_t *to)
{
    const int bytes = client->port->load(client->port->io, number, to, FLIGHT_RESUME_BYTES);

    if (bytes < (int)FLIGHT_RESUME_BYTES) {
        memset(to, 0, FLIGHT_RESUME_BYTES);
        to[1] = bytes != 0;
    }
}

static void load_resume(flight_client *client)
{
    flight_resume *resume = &client->resume;
    uint8_t *const copies = client->in;
    uint8_t own[4];
    int newest;

    flight_resume_name(resume, client->config.device_id);
    memcpy(own, resume->device, 4);
    client->resume_copy = 1;
    load_copy(client, 0, copies);
    load_copy(client, 1, copies + FLIGHT_RESUME_BYTES);
    newest = flight_resume_newest(copies);
    if (newest >= 0) {
        client->resume_copy = (uint8_t)newest;
        flight_resume_unpack(resume, copies + (uint32_t)newest * FLIGHT_RESUME_BYTES);
    }
    if (memcmp(resume->device, own, 4) != 0) { /* another device's: its numbers are not ours */
        memset(resume, 0, sizeof *resume);
        memcpy(resume->device, own, 4);
    }
    resume->starts++;
    flight_session_restore(&client->session, resume->incarnation, resume->mark, resume->before);
}

/* Write how the session stands over the older copy, if that is news. Returns whether the port was called. */
static int keep(flight_client *client)
{
    const flight_session *session = &client->session;
    flight_resume *resume = &client->resume;
    const int32_t mark = flight_session_settled_counter(session);
    uint8_t copy[FLIGHT_RESUME_BYTES];

    if (client->kept && resume->mark == mark && resume->before == session->counted &&
        memcmp(resume->incarnation, session->identity->incarnation, 8) == 0 &&
        memcmp(resume->epoch, session->welcome.epoch, 8) == 0) {
        return 0;
    }
    memcpy(resume->incarnation, session->identity->incarnation, 8);
    memcpy(resume->epoch, session->welcome.epoch, 8);
    resume->mark = mark;
    resume->before = session->counted;
    resume->serial = (resume->serial + 1u) & FLIGHT_CLOCK_MASK;
    flight_resume_pack(resume, copy);
    client->resume_copy ^= 1u;
    client->kept = client->port->store(client->port->io, client->resume_copy, copy, sizeof copy) >= 0;
    client->resume_on = client->kept; /* what cannot be stored is not promised */
    return 1;
}

/* ---- crash ---- */

int flight_crash(const flight_client *client, const char *reason, uint32_t pc, const uint32_t *words, uint32_t count)
{
    uint8_t record[FLIGHT_CRASH_RECORD_BYTES];
    uint32_t text_bytes;
    uint32_t i;

    if (client == NULL || reason == NULL || (words == NULL && count != 0) || client->port->store == NULL ||
        client->port->load == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    text_bytes = flight_text_bytes(reason, FLIGHT_CRASH_TEXT_BYTES - 1u);
    if (count > FLIGHT_CRASH_WORDS) {
        count = FLIGHT_CRASH_WORDS;
    }
    memset(record, 0, sizeof record);
    flight_store16(record, MAGIC);
    record[2] = FORM;
    record[3] = (uint8_t)count;
    flight_store32(record + 4, pc);
    flight_store32(record + 8, client->now_ms);
    record[12] = (uint8_t)text_bytes;
    memcpy(record + TEXT_AT, reason, text_bytes);
    for (i = 0; i < count; i++) {
        flight_store32(record + WORDS_AT + 4u * i, words[i]);
    }
    flight_store32(record + CRC_AT, flight_crc32c(record, CRC_AT, 0));
    return client->port->store(client->port->io, FLIGHT_RECORD_CRASH, record, sizeof record);
}

static int is_crash(const uint8_t *record, int bytes)
{
    return bytes == (int)FLIGHT_CRASH_RECORD_BYTES && flight_load16(record) == MAGIC && record[2] == FORM &&
           record[3] <= FLIGHT_CRASH_WORDS && record[12] <= FLIGHT_CRASH_TEXT_BYTES &&
           flight_load32(record + CRC_AT) == flight_crc32c(record, CRC_AT, 0);
}

#if FLIGHT_FORMAT
/* Eight words of the record go into the log as one line; behind the last one stand zeros. */
static void tell_words(flight_client *client, const uint8_t *at, uint32_t first)
{
    const int answer = flight_log(client, FLIGHT_LOG_ERROR, "crash words %u: %08x %08x %08x %08x %08x %08x %08x %08x",
                                  (unsigned)first, (unsigned)flight_load32(at), (unsigned)flight_load32(at + 4),
                                  (unsigned)flight_load32(at + 8), (unsigned)flight_load32(at + 12),
                                  (unsigned)flight_load32(at + 16), (unsigned)flight_load32(at + 20),
                                  (unsigned)flight_load32(at + 24), (unsigned)flight_load32(at + 28));

    client->crash_left = (uint8_t)(client->crash_left + (answer >= 0));
}

static void tell_crash(flight_client *client, const uint8_t *record)
{
    const uint32_t count = record[3];
    uint32_t first;

    client->crash_left = flight_log(client, FLIGHT_LOG_ERROR, "crash: %s, pc %08x, %u s after the start",
                                    (const char *)record + TEXT_AT, (unsigned)flight_load32(record + 4),
                                    (unsigned)flight_client_thousandth(flight_load32(record + 8))) >= 0;
    for (first = 0; first < count; first += WORDS_A_LINE) {
        tell_words(client, record + WORDS_AT + 4u * first, first);
    }
}
#else
static void tell_crash(flight_client *client, const uint8_t *record)
{
    client->crash_left = flight_log(client, FLIGHT_LOG_ERROR, (const char *)record + TEXT_AT) >= 0;
}
#endif

static void load_crash(flight_client *client)
{
    uint8_t *const record = client->in;

    if (!is_crash(record, client->port->load(client->port->io, FLIGHT_RECORD_CRASH, record, FLIGHT_CRASH_RECORD_BYTES))) {
        return;
    }
    record[WORDS_AT - 1u] = 0;
    tell_crash(client, record);
}

/* The record of the crash is with the gateway: it is not sent again. */
static int wipe_crash(flight_client *client)
{
    static const uint8_t nothing[4] = {0};
    const flight_tally *tally = &client->session.tally;

    if (client->crash_left == 0 ||
        tally->critical_acked + tally->refused + tally->expired + tally->too_large < client->crash_left) {
        return 0;
    }
    client->crash_left = 0;
    client->port->store(client->port->io, FLIGHT_RECORD_CRASH, nothing, sizeof nothing);
    return 1;
}

/* ---- both ---- */

void flight_record_load(flight_client *client)
{
    if (client->port->store == NULL || client->port->load == NULL) {
        return;
    }
    client->resume_on = 1;
    load_resume(client);
    load_crash(client);
}

int flight_record_step(flight_client *client)
{
    if (client->keep) {
        client->keep = 0;
        return keep(client);
    }
    return wipe_crash(client);
}

#endif
