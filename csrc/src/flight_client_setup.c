/* A client before its first step: what a config means, the memory that takes, and cutting what was lent. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

struct aligned {
    char any;
    uint64_t number;
};

#define ALIGNMENT offsetof(struct aligned, number) /* 4 on SH-4, 8 elsewhere */
#define ROUND(bytes) (((uint32_t)(bytes) + 7u) & ~7u)
#define IN_LEAST_BYTES 256u  /* of what is asked of the port at once */
#define IN_MOST_BYTES 1460u
#define DELAY_MOST_MS 500    /* a game's newest value is seldom older than that, whatever the platform's profile collects */
#define LINE_TIMEOUT_MS 3000 /* where a byte pipe is the only transport; as flight_client/platforms.py */
#define LINE_BACKOFF_FLOOR_MS 50
#define LINE_BACKOFF_CAP_MS 400
#define TURN_SLACK_BYTES 16u
#define SLOTS_LIMIT 32767u
#define COMMANDS_LIMIT 1024u
#define RECORD_HEAD_BYTES 16u /* of a long event in its ring */

#if defined(__DREAMCAST__) || defined(_arch_dreamcast)
#define HERE FLIGHT_PLATFORM_DREAMCAST
#elif defined(__PSP__) || defined(_PSP) || defined(PSP)
#define HERE FLIGHT_PLATFORM_PSP
#elif defined(__vita__)
#define HERE FLIGHT_PLATFORM_VITA
#else
#define HERE FLIGHT_PLATFORM_HOST
#endif

typedef struct platform {
    char name[FLIGHT_PLATFORM_BYTES];
    flight_profile profile;
    uint16_t critical_slots;
    uint8_t capabilities;
} platform;

#define BASIC (FLIGHT_CAPABILITY_BASIC_MESSAGING | FLIGHT_CAPABILITY_MEMORY_UPDATES)
#define COMPONENTS (BASIC | FLIGHT_CAPABILITY_COMPONENT_EVENTS)
#define ALL (COMPONENTS | FLIGHT_CAPABILITY_SYSTEM_MONITORING)

static const platform platforms[] = {
    {"dreamcast", FLIGHT_DREAMCAST_PROFILE, FLIGHT_DREAMCAST_CRITICAL_SLOTS, BASIC},
    {"psp", FLIGHT_PSP_PROFILE, FLIGHT_PSP_CRITICAL_SLOTS, COMPONENTS},
    {"vita", FLIGHT_VITA_PROFILE, FLIGHT_VITA_CRITICAL_SLOTS, ALL},
    {"host", FLIGHT_HOST_PROFILE, FLIGHT_HOST_CRITICAL_SLOTS, ALL},
};

static const platform *find_platform(uint32_t id)
{
    uint32_t i;

    for (i = 0; i < sizeof platforms / sizeof platforms[0]; i++) {
        if (platforms[i].profile.id == id) {
            return &platforms[i];
        }
    }
    return NULL;
}

static int is_compiled(uint32_t transport)
{
    return (FLIGHT_TCP && transport == FLIGHT_TRANSPORT_TCP) ||
           (FLIGHT_SHA256 && FLIGHT_POLLING && transport == FLIGHT_TRANSPORT_POLLING) ||
           (FLIGHT_WEBSOCKET && transport == FLIGHT_TRANSPORT_WEBSOCKET) ||
           (FLIGHT_PIPE && transport == FLIGHT_TRANSPORT_SERIAL);
}

/* The transports of the config, or those of the platform that are compiled in. Returns whether there is one. */
static int choose_transports(flight_profile *profile, const flight_config *config)
{
    const uint8_t count = profile->transport_count;
    uint32_t i;

    if (config->transports != NULL) {
        if (config->transport_count > FLIGHT_PROFILE_TRANSPORTS) {
            return 0;
        }
        for (i = 0; i < config->transport_count; i++) {
            profile->transports[i] = config->transports[i];
            if (!is_compiled(config->transports[i])) {
                return 0; /* asked for by name: silence would be a lie */
            }
        }
        profile->transport_count = config->transport_count;
    } else {
        profile->transport_count = 0;
        for (i = 0; i < count; i++) {
            if (is_compiled(profile->transports[i])) {
                profile->transports[profile->transport_count++] = profile->transports[i];
            }
        }
    }
    return profile->transport_count != 0;
}

static int uses(const flight_profile *profile, uint32_t transport)
{
    uint32_t i;

    for (i = 0; i < profile->transport_count; i++) {
        if (profile->transports[i] == transport) {
            return 1;
        }
    }
    return 0;
}

static uint32_t or_else(uint32_t value, uint32_t other)
{
    return value != 0 ? value : other;
}

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The numbers of the profile as this client has them. */
static void adapt_profile(flight_profile *profile, const flight_config *config)
{
    if (config->link_bytes_per_s != 0) {
        profile->link_bytes_per_s = config->link_bytes_per_s > FLIGHT_NUMBER_LIMIT ? 0 : (int32_t)config->link_bytes_per_s;
    }
    if (config->window_frames != 0) {
        profile->window_frames = config->window_frames;
    }
    if (uses(profile, FLIGHT_TRANSPORT_SERIAL)) {
        profile->frame_bytes = flight_min(profile->frame_bytes, (int32_t)FLIGHT_HELLO_FRAME_BYTES);
        if (profile->transport_count == 1) { /* nobody else is on the line, so nobody comes back at the same time */
            profile->connect_timeout_ms = flight_min(profile->connect_timeout_ms, LINE_TIMEOUT_MS);
            profile->backoff_floor_ms = LINE_BACKOFF_FLOOR_MS;
            profile->backoff_cap_ms = LINE_BACKOFF_CAP_MS;
        }
    }
    profile->payload_bytes = flight_min(profile->payload_bytes, profile->frame_bytes - 128);
    profile->batch_delay_ms = flight_min(profile->batch_delay_ms, DELAY_MOST_MS);
    profile->probe = FLIGHT_PROBE ? profile->probe : 0;
}

static uint32_t head_bytes(const flight_profile *profile)
{
#if FLIGHT_POLLING
    if (uses(profile, FLIGHT_TRANSPORT_POLLING)) {
        return (FLIGHT_HTTP_HEAD_BYTES + 3u) & ~3u;
    }
#endif
#if FLIGHT_WEBSOCKET
    if (uses(profile, FLIGHT_TRANSPORT_WEBSOCKET)) {
        return FLIGHT_WEBSOCKET_HEAD_BYTES;
    }
#endif
    (void)profile;
    return 0;
}

#if FLIGHT_COMMANDS
/* Returns whether every answer finds room: in the table, its ring and a frame. */
static int plan_commands(flight_plan *made, const flight_config *config)
{
    const uint32_t answer_bytes = or_else(config->answer_bytes, FLIGHT_ANSWER_BYTES);
    const uint32_t body_bytes = flight_commands_body_bytes(answer_bytes);

    made->commands = config->commands;
    made->answer_bytes = (uint16_t)answer_bytes;
    return config->commands == 0 ||
           (config->commands >= FLIGHT_COMMANDS_LEAST && config->commands <= COMMANDS_LIMIT &&
            answer_bytes <= FLIGHT_ANSWER_MOST_BYTES && body_bytes <= (uint32_t)made->profile.payload_bytes &&
            body_bytes + RECORD_HEAD_BYTES <= made->critical_slots * FLIGHT_SLOT_BYTES / 2u);
}

/* Of the table. */
static uint32_t commands_bytes(const flight_plan *made)
{
    return flight_commands_bytes(made->commands, made->answer_bytes);
}
#else
static int plan_commands(flight_plan *made, const flight_config *config)
{
    (void)made;
    return config->commands == 0;
}

static uint32_t commands_bytes(const flight_plan *made)
{
    (void)made;
    return 0;
}
#endif

/* What a config comes to. Returns 0 or ARGUMENT. */
static int plan(flight_plan *made, const flight_config *config)
{
    const platform *known;
    flight_profile *profile = &made->profile;
    uint32_t frame_bytes;

    memset(made, 0, sizeof *made);
    if (config == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    known = find_platform(or_else(config->platform, HERE));
    if (known == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    made->name = known->name;
    made->capabilities = known->capabilities;
    *profile = config->profile != NULL ? *config->profile : known->profile;
    if (!choose_transports(profile, config)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    adapt_profile(profile, config);
    frame_bytes = (uint32_t)profile->frame_bytes;
    if (profile->frame_bytes < 256 || frame_bytes > FLIGHT_MAX_FRAME_BYTES) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    made->critical_slots = (uint16_t)or_else(config->critical_slots, known->critical_slots);
    made->lossy_slots = (uint16_t)or_else(config->lossy_slots, (uint32_t)profile->lossy_slots);
    profile->lossy_slots = made->lossy_slots;
    made->channels = (uint16_t)or_else(config->channels, FLIGHT_CLIENT_CHANNELS);
    if (!plan_commands(made, config)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    made->head_bytes = head_bytes(profile);
    made->turn_bytes = clamp(2u * frame_bytes, FLIGHT_HELLO_FRAME_BYTES, FLIGHT_POLL_BODY_BYTES - TURN_SLACK_BYTES);
    made->in_bytes = clamp(frame_bytes, IN_LEAST_BYTES, IN_MOST_BYTES);
    made->stream_frame_bytes = frame_bytes + FLIGHT_LINE_BYTES;
    return made->critical_slots <= SLOTS_LIMIT && made->lossy_slots <= SLOTS_LIMIT ? 0 : FLIGHT_ERROR_ARGUMENT;
}

static int texts_fit(const flight_config *config, const flight_plan *made)
{
    const int line = uses(&made->profile, FLIGHT_TRANSPORT_SERIAL);

    if (config->device_key != NULL &&
        (!FLIGHT_SHA256 || config->device_key_bytes < FLIGHT_DEVICE_KEY_BYTES ||
         config->device_key_bytes > FLIGHT_DEVICE_KEY_MOST_BYTES)) {
        return 0;
    }
    return config->host != NULL || (made->profile.transport_count == 1 && line);
}

static void identify(flight_identity *identity, const flight_config *config, const flight_plan *made)
{
    memset(identity, 0, sizeof *identity);
    identity->device_id = config->device_id;
    identity->platform = made->name;
    identity->version = config->version != NULL ? config->version : "0";
    identity->token = config->token;
    identity->capabilities = made->capabilities;
    identity->client_type = FLIGHT_CLIENT_FLIGHT_CORE_NATIVE;
}

static void no_begin(void *context, const char *token, const uint8_t *client_nonce, const uint8_t *server_nonce)
{
    (void)context, (void)token, (void)client_nonce, (void)server_nonce;
}

static void no_proof(void *context, uint8_t *proof, uint32_t generation, uint32_t number)
{
    (void)context, (void)generation, (void)number;
    memset(proof, 0, FLIGHT_PROOF_BYTES);
}

static void set_up(flight_session_setup *setup, const flight_plan *made, flight_identity *identity, const flight_prover *prover)
{
    memset(setup, 0, sizeof *setup);
    setup->profile = &made->profile;
    setup->identity = identity;
    setup->prover = prover;
    setup->channels = made->channels;
}

/* Bytes of the session's memory, or an error. */
static int session_bytes(const flight_config *config, const flight_plan *made)
{
    flight_prover prover; /* no table: one of addresses is a variable where code can be moved, and copied by a library on SH-4 */
    flight_identity identity;
    flight_session_setup setup;

    prover.context = NULL;
    prover.begin = no_begin;
    prover.prove = no_proof;
    identify(&identity, config, made);
    set_up(&setup, made, &identity, &prover);
    return flight_session_need(&setup);
}

static uint32_t out_bytes(const flight_plan *made)
{
    return made->head_bytes + made->turn_bytes + TURN_SLACK_BYTES;
}

static int need_of(const flight_config *config, flight_plan *made)
{
    const int problem = plan(made, config);
    int bytes;

    if (problem != 0 || !texts_fit(config, made)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    bytes = session_bytes(config, made);
    if (bytes < 0) {
        return bytes;
    }
    return (int)(ROUND(sizeof(flight_client)) + ROUND(made->channels * (uint32_t)sizeof(flight_client_channel)) +
                 ROUND(bytes) + commands_bytes(made) +
                 FLIGHT_SLOT_BYTES * ((uint32_t)made->critical_slots + made->lossy_slots) +
                 ROUND(out_bytes(made)) + ROUND(made->in_bytes) + ROUND(2u * made->stream_frame_bytes));
}

int flight_need(const flight_config *config)
{
    flight_plan made;

    return need_of(config, &made);
}

static int is_port(const flight_port *port)
{
    return port != NULL && port->now_us != NULL && port->link != NULL && port->open != NULL && port->ready != NULL &&
           port->send != NULL && port->recv != NULL && port->close != NULL && port->random != NULL;
}

static int check(const void *memory, size_t bytes, const flight_config *config, const flight_port *port, flight_plan *made)
{
    const int need_bytes = need_of(config, made);

    if (need_bytes < 0) {
        return need_bytes;
    }
    if (!is_port(port) || memory == NULL || ((uintptr_t)memory & (ALIGNMENT - 1u)) != 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    return bytes < (size_t)need_bytes ? (int)FLIGHT_ERROR_NO_ROOM : 0;
}

int flight_check(const void *memory, size_t bytes, const flight_config *config, const flight_port *port)
{
    flight_plan made;

    return check(memory, bytes, config, port, &made);
}

/* Cut what was lent: channels, session, commands, rings, buffers. */
static void lend(flight_client *client, const flight_plan *made)
{
    uint8_t *memory = (uint8_t *)client + ROUND(sizeof *client);
    const uint32_t session_need = ROUND(session_bytes(&client->config, made));
    flight_session_setup setup;

    client->channels = (flight_client_channel *)(void *)memory;
    memset(memory, 0, made->channels * sizeof(flight_client_channel));
    memory += ROUND(made->channels * (uint32_t)sizeof(flight_client_channel));
    set_up(&setup, made, &client->identity, &client->prover);
    setup.profile = &client->profile;
    flight_session_init(&client->session, memory, session_need, &setup);
    memory += session_need;
#if FLIGHT_COMMANDS
    client->requests.memory = memory;
    client->requests.place_bytes = flight_commands_place_bytes(made->answer_bytes);
    memset(memory, 0, commands_bytes(made));
    memory += commands_bytes(made);
#endif
    flight_ring_init(&client->critical, memory, made->critical_slots, FLIGHT_SLOT_BYTES);
    memory += made->critical_slots * FLIGHT_SLOT_BYTES;
    flight_ring_init(&client->lossy, memory, made->lossy_slots, FLIGHT_SLOT_BYTES);
    memory += made->lossy_slots * FLIGHT_SLOT_BYTES;
    client->out.bytes = memory;
    client->out.capacity = out_bytes(made);
    client->out.head_bytes = made->head_bytes;
    memory += ROUND(client->out.capacity);
    client->in = memory;
    client->in_capacity = made->in_bytes;
    memory += ROUND(made->in_bytes);
    flight_stream_init(&client->stream, memory, 2u * (size_t)made->stream_frame_bytes, made->stream_frame_bytes, 0);
}

static void agree(flight_client *client, const flight_plan *made)
{
    flight_session *session = &client->session;

    session->agreement.sends = FLIGHT_WRITES_DELTA ? FLIGHT_FLAG_DELTA : 0; /* and reads nothing by agreement: all comes plain */
    session->agreement.auth = client->config.device_key != NULL ? FLIGHT_AUTH_HMAC : FLIGHT_AUTH_NONE;
    session->out.turn_most_bytes = (int32_t)made->turn_bytes;
    flight_session_adapt(session);
    flight_session_limit_queue(session, made->lossy_slots);
    flight_link_limit(client, (uint32_t)made->profile.link_bytes_per_s);
    flight_out_reset(client);
}

/* All of flight_init but what it loads; apart, so that the plan is off the stack by then. */
static FLIGHT_APART int begin(flight_client *client, size_t bytes, const flight_config *config, const flight_port *port)
{
    flight_plan made;
    const int problem = check(client, bytes, config, port, &made);

    if (problem != 0) {
        return problem;
    }
    memset(client, 0, sizeof *client);
    client->port = port;
    client->config = *config;
    client->config.channels = made.channels;
    client->config.answer_bytes = made.answer_bytes;
    client->config.port = (uint16_t)or_else(config->port, FLIGHT_DEFAULT_PORT);
    client->config.tcp_port = (uint16_t)or_else(config->tcp_port, client->config.port + 1u);
    client->config.frame_interval_ms = or_else(config->frame_interval_ms, FLIGHT_FRAME_INTERVAL_MS);
    client->config.frame_budget_us = or_else(config->frame_budget_us, FLIGHT_FRAME_BUDGET_US);
    client->profile = made.profile;
    client->profile.probe = port->probe_io != NULL ? made.profile.probe : 0;
    identify(&client->identity, config, &made);
    flight_proof_init(client);
    lend(client, &made);
    agree(client, &made);
    client->random = 1;
    client->weak = FLIGHT_RANDOM_UNKNOWN;
    client->clock_us = port->now_us(port->io);
    return 0;
}

flight_client *flight_init(void *memory, size_t bytes, const flight_config *config, const flight_port *port)
{
    flight_client *client = (flight_client *)memory;

    if (begin(client, bytes, config, port) != 0) {
        return NULL;
    }
#if FLIGHT_RECORDS
    flight_record_load(client);
#endif
    flight_session_start(&client->session, 0);
    return client;
}

#endif
