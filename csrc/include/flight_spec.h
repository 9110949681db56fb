/* Generated from spec/flight.toml by build_scripts/generate.py. Do not edit. */
#ifndef FLIGHT_SPEC_H
#define FLIGHT_SPEC_H

#include <stdint.h>

/* protocol */
#define FLIGHT_VERSION 1u
#define FLIGHT_MAGIC 0xf0u
#define FLIGHT_NUMBER_LIMIT 0x40000000u

/* frame */
#define FLIGHT_HEADER_BYTES 0x10u
#define FLIGHT_TRAILER_BYTES 4u
#define FLIGHT_TAG_BYTES 8u
#define FLIGHT_CRITICAL_PREFIX_BYTES 8u
#define FLIGHT_RECORD_HEAD_BYTES 4u
#define FLIGHT_FRAGMENT_HEAD_BYTES 8u
#define FLIGHT_MAX_FRAME_BYTES 0x10000u
#define FLIGHT_HELLO_FRAME_BYTES 0x280u
#define FLIGHT_PORTION_FLAG 0x80u
#define FLIGHT_PORTION_BYTES 4u
#define FLIGHT_AGE_SECONDS_FLAG 0x8000u
#define FLIGHT_AGE_UNKNOWN 0xffffu

/* flags */
#define FLIGHT_FLAG_CRITICAL 1u
#define FLIGHT_FLAG_BATCH 2u
#define FLIGHT_FLAG_COMPRESSED 4u
#define FLIGHT_FLAG_MORE 8u
#define FLIGHT_FLAG_AUTHENTICATED 0x10u
#define FLIGHT_FLAG_CHECKED 0x20u
#define FLIGHT_FLAG_DELTA 0x40u

/* types */
#define FLIGHT_TYPE_HELLO 1u
#define FLIGHT_TYPE_WELCOME 2u
#define FLIGHT_TYPE_ATTACH 3u
#define FLIGHT_TYPE_RESUMED 4u
#define FLIGHT_TYPE_RESET 5u
#define FLIGHT_TYPE_CLOSE 6u
#define FLIGHT_TYPE_ACK 7u
#define FLIGHT_TYPE_HEARTBEAT 8u
#define FLIGHT_TYPE_RESEND 9u
#define FLIGHT_TYPE_SKIP 0xau
#define FLIGHT_TYPE_OPEN 0xbu
#define FLIGHT_TYPE_OPENED 0xcu
#define FLIGHT_TYPE_DATA 0xdu
#define FLIGHT_TYPE_DELIVER 0xeu
#define FLIGHT_TYPE_GAP 0xfu
#define FLIGHT_TYPE_REFUSED 0x10u
#define FLIGHT_TYPE_PROBE 0x11u
#define FLIGHT_TYPE_PROBED 0x12u
#define FLIGHT_TYPE_POLL 0x13u
#define FLIGHT_TYPE_TOKEN 0x14u
#define FLIGHT_TYPE_RENEWED 0x15u

/* drop_causes */
#define FLIGHT_DROP_OLDEST 1u
#define FLIGHT_DROP_LINK 2u
#define FLIGHT_DROP_REFUSED 3u
#define FLIGHT_DROP_CLOSED 4u
#define FLIGHT_DROP_FULL 5u
#define FLIGHT_DROP_TOO_LARGE 6u
#define FLIGHT_DROP_UNCONFIRMED 7u
#define FLIGHT_DROP_EXPIRED 8u
#define FLIGHT_DROP_REPLACED 9u
#define FLIGHT_DROP_PRESSURE 0xau

/* gap_reasons */
#define FLIGHT_GAP_TRIMMED 1u
#define FLIGHT_GAP_EPOCH 2u
#define FLIGHT_GAP_SLOW 3u
#define FLIGHT_GAP_UNANNOUNCED 4u
#define FLIGHT_GAP_LIMIT 5u

/* channel_modes */
#define FLIGHT_MODE_PUBLISH 1u
#define FLIGHT_MODE_SUBSCRIBE 2u

/* start_modes */
#define FLIGHT_START_LIVE 0u
#define FLIGHT_START_AFTER 1u
#define FLIGHT_START_LAST 2u

/* lanes */
#define FLIGHT_LANE_CRITICAL 1u
#define FLIGHT_LANE_LOSSY 2u

/* auth_modes */
#define FLIGHT_AUTH_NONE 0u
#define FLIGHT_AUTH_HMAC 1u

/* session_states */
#define FLIGHT_STATE_IDLE 0u
#define FLIGHT_STATE_WAITING 1u
#define FLIGHT_STATE_OPENING 2u
#define FLIGHT_STATE_GREETING 3u
#define FLIGHT_STATE_ATTACHING 4u
#define FLIGHT_STATE_READY 5u
#define FLIGHT_STATE_CLOSING 6u
#define FLIGHT_STATE_CLOSED 7u
#define FLIGHT_STATE_STOPPED 8u
#define FLIGHT_STATE_PAUSED 9u

/* client_types */
#define FLIGHT_CLIENT_FLIGHT_CORE_NATIVE 1u
#define FLIGHT_CLIENT_V6R_CLOUD 2u
#define FLIGHT_CLIENT_WEB_BROWSER 3u
#define FLIGHT_CLIENT_HOST_TOOL 4u

/* capabilities */
#define FLIGHT_CAPABILITY_BASIC_MESSAGING 1u
#define FLIGHT_CAPABILITY_MEMORY_UPDATES 2u
#define FLIGHT_CAPABILITY_COMPONENT_EVENTS 4u
#define FLIGHT_CAPABILITY_SYSTEM_MONITORING 8u
#define FLIGHT_CAPABILITY_V6R_EVENTS 0x10u
#define FLIGHT_CAPABILITY_POLLING_MODE 0x20u

/* transports */
#define FLIGHT_TRANSPORT_TCP 1u
#define FLIGHT_TRANSPORT_WEBSOCKET 2u
#define FLIGHT_TRANSPORT_POLLING 3u
#define FLIGHT_TRANSPORT_SERIAL 4u
#define FLIGHT_TRANSPORT_MEMORY 5u

/* component_states */
#define FLIGHT_COMPONENT_ACTIVE 1u
#define FLIGHT_COMPONENT_INACTIVE 2u
#define FLIGHT_COMPONENT_ERROR 3u

/* v6r_event_types */
#define FLIGHT_V6R_VM_CREATED 1u
#define FLIGHT_V6R_VM_STARTED 2u
#define FLIGHT_V6R_VM_STOPPED 3u
#define FLIGHT_V6R_VM_DELETED 4u
#define FLIGHT_V6R_VM_SCALING 5u

/* command_codes */
#define FLIGHT_COMMAND_DONE 0u
#define FLIGHT_COMMAND_FAILED 1u
#define FLIGHT_COMMAND_UNKNOWN 2u

/* log_levels */
#define FLIGHT_LOG_DEBUG 0u
#define FLIGHT_LOG_INFO 1u
#define FLIGHT_LOG_WARNING 2u
#define FLIGHT_LOG_ERROR 3u

/* flags_supported */
#define FLIGHT_FLAGS_SUPPORTED 0x7fu
#define FLIGHT_FLAGS_PLAIN 0x23u
#define FLIGHT_FLAGS_BY_AGREEMENT 0x5cu

/* codes */
#define FLIGHT_CODE_OK 0u
#define FLIGHT_CODE_VERSION 1u
#define FLIGHT_CODE_CREDENTIAL 2u
#define FLIGHT_CODE_FORBIDDEN 3u
#define FLIGHT_CODE_UNKNOWN_SESSION 4u
#define FLIGHT_CODE_STALE_GENERATION 5u
#define FLIGHT_CODE_REPLACED 6u
#define FLIGHT_CODE_PROOF 7u
#define FLIGHT_CODE_MALFORMED 8u
#define FLIGHT_CODE_SEQUENCE 9u
#define FLIGHT_CODE_GOING_AWAY 0xau
#define FLIGHT_CODE_BUSY 0xbu
#define FLIGHT_CODE_UNKNOWN_PLATFORM 0xcu
#define FLIGHT_CODE_BAD_NAME 0xdu
#define FLIGHT_CODE_TOO_LARGE 0xeu
#define FLIGHT_CODE_UNKNOWN_CHANNEL 0xfu
#define FLIGHT_CODE_STORE 0x10u
#define FLIGHT_CODE_UNSUPPORTED 0x11u
#define FLIGHT_CODE_EXPIRED_TOKEN 0x12u
#define FLIGHT_CODE_NOT_HELLO 0x13u
#define FLIGHT_CODE_TOO_MANY 0x14u

/* timing */
#define FLIGHT_ACK_DELAY_MS 0x32u
#define FLIGHT_RETRY_COUNT 3u
#define FLIGHT_RETRY_INTERVAL_MS 0x7d0u
#define FLIGHT_PRIORITY_STEP_MS 0x2710u
#define FLIGHT_ACK_TIMEOUT_MS 0xfa0u
#define FLIGHT_HEALTHY_MS 0x2710u
#define FLIGHT_UPGRADE_HEALTHY_MS 0xea60u
#define FLIGHT_PROBE_FIRST_MS 0x1388u
#define FLIGHT_PROBE_BASE_MS 0x7530u
#define FLIGHT_PROBE_CAP_MS 0x927c0u
#define FLIGHT_SESSION_TTL_MS 0x1d4c0u
#define FLIGHT_RECONNECT_SPREAD_MS 0xfau
#define FLIGHT_RECONNECT_SPREAD_FLEET 0x2710u
#define FLIGHT_RECONNECT_SPREAD_FLEET_MS 0x1770u
#define FLIGHT_CLOSE_WAIT_MS 0x3e8u
#define FLIGHT_TOKEN_LEAD_MS 0xea60u
#define FLIGHT_TOKEN_SPACING_MS 0x3e8u
#define FLIGHT_TOKEN_RETRY_MS 0x1388u
#define FLIGHT_TOKEN_GRACE_MS 0x7530u
#define FLIGHT_TOKEN_EXPIRES_MS 0x1fffffffu

/* limits */
#define FLIGHT_DEVICE_ID_BYTES 0x20u
#define FLIGHT_VERSION_BYTES 0x10u
#define FLIGHT_PLATFORM_BYTES 0x10u
#define FLIGHT_TOKEN_BYTES 0x1e0u
#define FLIGHT_CHANNEL_NAME_BYTES 0x40u
#define FLIGHT_DEVICE_CHANNELS 0x20u
#define FLIGHT_TOOL_CHANNELS 0x100u
#define FLIGHT_SESSION_ID_BYTES 0x10u
#define FLIGHT_SHORT_ID_BYTES 8u
#define FLIGHT_NONCE_BYTES 8u
#define FLIGHT_PROOF_BYTES 0x10u
#define FLIGHT_DEVICE_KEY_BYTES 0x10u
#define FLIGHT_DEVICE_KEY_MOST_BYTES 0x40u
#define FLIGHT_RESUME_BYTES 0x40u
#define FLIGHT_TEXT_BYTES 0xa0u
#define FLIGHT_POLL_BODY_BYTES 0x10000u
#define FLIGHT_UNPACKED_BYTES 0x10000u
#define FLIGHT_UNPACKED_RATIO 0xffu
#define FLIGHT_SUBSCRIBER_ENTRIES 0x400u
#define FLIGHT_SUBSCRIBER_BYTES 0x100000u
#define FLIGHT_RECEIVE_BYTES 0x100000u
#define FLIGHT_LETTER_EVENTS 0x100u
#define FLIGHT_LETTER_BYTES 0x40000u
#define FLIGHT_HISTORY_ENTRIES 0x2710u
#define FLIGHT_MARKS_PER_DEVICE 8u
#define FLIGHT_SESSIONS 0x4e20u
#define FLIGHT_WARNING_FRAGMENTATION 0xbb8u
#define FLIGHT_PRESSURE_FRAGMENTATION 0xfa0u
#define FLIGHT_PRESSURE_USED 0x2328u
#define FLIGHT_PRESSURE_QUEUE_EVENTS 0xau
#define FLIGHT_MAX_MESSAGE_AGE_MS 0x1f3f830u
#define FLIGHT_MAX_MESSAGE_FUTURE_MS 0xea60u
#define FLIGHT_PREAUTH_MS 0x2710u

/* layouts */
#define FLIGHT_LAYOUT_MEMORY_UPDATE 1u
#define FLIGHT_LAYOUT_COMPONENT_UPDATE 2u
#define FLIGHT_LAYOUT_SYSTEM_MONITORING 3u
#define FLIGHT_LAYOUT_V6R_EVENT 4u
#define FLIGHT_LAYOUT_LOG 5u
#define FLIGHT_LAYOUT_FRAME_TIME 6u
#define FLIGHT_LAYOUT_PAYLOAD 7u
#define FLIGHT_LAYOUT_COMMAND_REQUEST 8u
#define FLIGHT_LAYOUT_COMMAND_RESULT 9u
#define FLIGHT_LAYOUT_WIDE 0x80u

/* platforms */
#define FLIGHT_PLATFORM_DREAMCAST 1u
#define FLIGHT_PLATFORM_PSP 2u
#define FLIGHT_PLATFORM_VITA 3u
#define FLIGHT_PLATFORM_V6R_CLOUD 4u
#define FLIGHT_PLATFORM_WEB 5u
#define FLIGHT_PLATFORM_HOST 6u
#define FLIGHT_PLATFORM_MICRO 7u

/* Fixed part of memory-update. Tail: none. */
#define FLIGHT_MEMORY_UPDATE_BYTES 20u
typedef struct flight_memory_update {
    uint32_t total_bytes; /* memory of the machine, all bits set = unknown */
    uint32_t used_bytes; /* memory in use, all bits set = unknown */
    uint32_t available_bytes; /* memory that can still be had, all bits set = unknown */
    uint32_t budget_bytes; /* what the platform's profile allows, all bits set = unknown */
    uint16_t fragmentation; /* 1 - largest free block / free, in 1/10000, all bits set = unknown */
    uint16_t reserved;
} flight_memory_update;

/* Fixed part of memory-update with 64-bit sizes. Tail: none. */
#define FLIGHT_MEMORY_UPDATE_WIDE_BYTES 36u
typedef struct flight_memory_update_wide {
    uint32_t total_bytes[2]; /* memory of the machine, all bits set = unknown */
    uint32_t used_bytes[2]; /* memory in use, all bits set = unknown */
    uint32_t available_bytes[2]; /* memory that can still be had, all bits set = unknown */
    uint32_t budget_bytes[2]; /* what the platform's profile allows, all bits set = unknown */
    uint16_t fragmentation; /* 1 - largest free block / free, in 1/10000, all bits set = unknown */
    uint16_t reserved;
} flight_memory_update_wide;

/* Fixed part of component-update. Tail: id (text), name (text), version (text), metadata (json). */
#define FLIGHT_COMPONENT_UPDATE_BYTES 12u
typedef struct flight_component_update {
    uint32_t memory_bytes; /* memory of the component, all bits set = unknown */
    uint32_t created_age_ms; /* age of the component when the event was made, all bits set = unknown */
    uint8_t state; /* what the component does */
    uint8_t reserved_a;
    uint16_t reserved_b;
} flight_component_update;

/* Fixed part of component-update with 64-bit sizes. Tail: id (text), name (text), version (text), metadata (json). */
#define FLIGHT_COMPONENT_UPDATE_WIDE_BYTES 16u
typedef struct flight_component_update_wide {
    uint32_t memory_bytes[2]; /* memory of the component, all bits set = unknown */
    uint32_t created_age_ms; /* age of the component when the event was made, all bits set = unknown */
    uint8_t state; /* what the component does */
    uint8_t reserved_a;
    uint16_t reserved_b;
} flight_component_update_wide;

/* Fixed part of system-monitoring. Tail: none. */
#define FLIGHT_SYSTEM_MONITORING_BYTES 28u
typedef struct flight_system_monitoring {
    uint32_t memory_used_bytes; /* memory in use, all bits set = unknown */
    uint32_t network_received_bytes; /* since start, all bits set = unknown */
    uint32_t network_sent_bytes; /* since start, all bits set = unknown */
    uint32_t dropped_events; /* events dropped by this client since start, all bits set = unknown */
    uint16_t cpu; /* share of all processors in use, in 1/10000, all bits set = unknown */
    uint16_t battery; /* charge, in 1/10000, all bits set = unknown */
    int16_t temperature_c; /* degrees Celsius, in 1/100, 0x8000 = unknown */
    uint16_t frames_per_second; /* frames drawn, in 1/100, all bits set = unknown */
    uint16_t queue_fill; /* share of the send queue in use, in 1/10000, all bits set = unknown */
    uint16_t reserved;
} flight_system_monitoring;

/* Fixed part of system-monitoring with 64-bit sizes. Tail: none. */
#define FLIGHT_SYSTEM_MONITORING_WIDE_BYTES 40u
typedef struct flight_system_monitoring_wide {
    uint32_t memory_used_bytes[2]; /* memory in use, all bits set = unknown */
    uint32_t network_received_bytes[2]; /* since start, all bits set = unknown */
    uint32_t network_sent_bytes[2]; /* since start, all bits set = unknown */
    uint32_t dropped_events; /* events dropped by this client since start, all bits set = unknown */
    uint16_t cpu; /* share of all processors in use, in 1/10000, all bits set = unknown */
    uint16_t battery; /* charge, in 1/10000, all bits set = unknown */
    int16_t temperature_c; /* degrees Celsius, in 1/100, 0x8000 = unknown */
    uint16_t frames_per_second; /* frames drawn, in 1/100, all bits set = unknown */
    uint16_t queue_fill; /* share of the send queue in use, in 1/10000, all bits set = unknown */
    uint16_t reserved;
} flight_system_monitoring_wide;

/* Fixed part of v6r-event. Tail: resource (text), organization (text), metadata (map). */
#define FLIGHT_V6R_EVENT_BYTES 4u
typedef struct flight_v6r_event {
    uint8_t event_type; /* what happened to the machine */
    uint8_t reserved_a;
    uint16_t reserved_b;
} flight_v6r_event;

/* Fixed part of log. Tail: text (text). */
#define FLIGHT_LOG_BYTES 4u
typedef struct flight_log_entry {
    uint8_t level; /* how bad it is */
    uint8_t reserved_a;
    uint16_t reserved_b;
} flight_log_entry;

/* Fixed part of frame-time. Tail: none. */
#define FLIGHT_FRAME_TIME_BYTES 16u
typedef struct flight_frame_time {
    uint32_t minimum_us; /* shortest frame */
    uint32_t mean_us; /* mean */
    uint32_t maximum_us; /* longest frame */
    uint16_t count; /* frames folded into this event */
    uint16_t over_budget; /* frames over the budget */
} flight_frame_time;

/* Fixed part of payload. Tail: data (bytes). */
#define FLIGHT_PAYLOAD_BYTES 4u
typedef struct flight_payload {
    uint16_t kind; /* the application's own number */
    uint16_t reserved;
} flight_payload;

/* Fixed part of command-request. Tail: name (text), target (text), data (bytes). */
#define FLIGHT_COMMAND_REQUEST_BYTES 8u
typedef struct flight_command_request {
    uint32_t request; /* the asker's number of this command: the reply key; the same when it asks again */
    uint32_t timeout_ms; /* how long after it was made it is worth carrying out; 0 = always */
} flight_command_request;

/* Fixed part of command-result. Tail: asker (text), text (text), data (bytes). */
#define FLIGHT_COMMAND_RESULT_BYTES 8u
typedef struct flight_command_result {
    uint32_t request; /* of the command that it answers */
    uint8_t code; /* what became of it */
    uint8_t reserved_a;
    uint16_t reserved_b;
} flight_command_result;

/* profile dreamcast */
#define FLIGHT_DREAMCAST_FRAME_BYTES 640u
#define FLIGHT_DREAMCAST_PAYLOAD_BYTES 512u
#define FLIGHT_DREAMCAST_MESSAGE_BYTES 512u
#define FLIGHT_DREAMCAST_SLOT_BYTES 64u
#define FLIGHT_DREAMCAST_CRITICAL_SLOTS 32u
#define FLIGHT_DREAMCAST_LOSSY_SLOTS 32u
#define FLIGHT_DREAMCAST_WINDOW_FRAMES 4u
#define FLIGHT_DREAMCAST_HEARTBEAT_MS 10000u

/* profile psp */
#define FLIGHT_PSP_FRAME_BYTES 1024u
#define FLIGHT_PSP_PAYLOAD_BYTES 896u
#define FLIGHT_PSP_MESSAGE_BYTES 896u
#define FLIGHT_PSP_SLOT_BYTES 64u
#define FLIGHT_PSP_CRITICAL_SLOTS 64u
#define FLIGHT_PSP_LOSSY_SLOTS 64u
#define FLIGHT_PSP_WINDOW_FRAMES 8u
#define FLIGHT_PSP_HEARTBEAT_MS 10000u

/* profile vita */
#define FLIGHT_VITA_FRAME_BYTES 4096u
#define FLIGHT_VITA_PAYLOAD_BYTES 3840u
#define FLIGHT_VITA_MESSAGE_BYTES 8000u
#define FLIGHT_VITA_SLOT_BYTES 64u
#define FLIGHT_VITA_CRITICAL_SLOTS 256u
#define FLIGHT_VITA_LOSSY_SLOTS 256u
#define FLIGHT_VITA_WINDOW_FRAMES 16u
#define FLIGHT_VITA_HEARTBEAT_MS 5000u

/* profile v6r-cloud */
#define FLIGHT_V6R_CLOUD_FRAME_BYTES 16384u
#define FLIGHT_V6R_CLOUD_PAYLOAD_BYTES 16000u
#define FLIGHT_V6R_CLOUD_MESSAGE_BYTES 60000u
#define FLIGHT_V6R_CLOUD_SLOT_BYTES 64u
#define FLIGHT_V6R_CLOUD_CRITICAL_SLOTS 1024u
#define FLIGHT_V6R_CLOUD_LOSSY_SLOTS 1024u
#define FLIGHT_V6R_CLOUD_WINDOW_FRAMES 32u
#define FLIGHT_V6R_CLOUD_HEARTBEAT_MS 5000u

/* profile web */
#define FLIGHT_WEB_FRAME_BYTES 16384u
#define FLIGHT_WEB_PAYLOAD_BYTES 16000u
#define FLIGHT_WEB_MESSAGE_BYTES 60000u
#define FLIGHT_WEB_SLOT_BYTES 64u
#define FLIGHT_WEB_CRITICAL_SLOTS 1024u
#define FLIGHT_WEB_LOSSY_SLOTS 1024u
#define FLIGHT_WEB_WINDOW_FRAMES 32u
#define FLIGHT_WEB_HEARTBEAT_MS 5000u

/* profile host */
#define FLIGHT_HOST_FRAME_BYTES 16384u
#define FLIGHT_HOST_PAYLOAD_BYTES 16000u
#define FLIGHT_HOST_MESSAGE_BYTES 60000u
#define FLIGHT_HOST_SLOT_BYTES 64u
#define FLIGHT_HOST_CRITICAL_SLOTS 1024u
#define FLIGHT_HOST_LOSSY_SLOTS 1024u
#define FLIGHT_HOST_WINDOW_FRAMES 32u
#define FLIGHT_HOST_HEARTBEAT_MS 5000u

/* profile micro */
#define FLIGHT_MICRO_FRAME_BYTES 640u
#define FLIGHT_MICRO_PAYLOAD_BYTES 512u
#define FLIGHT_MICRO_MESSAGE_BYTES 512u
#define FLIGHT_MICRO_SLOT_BYTES 64u
#define FLIGHT_MICRO_CRITICAL_SLOTS 32u
#define FLIGHT_MICRO_LOSSY_SLOTS 32u
#define FLIGHT_MICRO_WINDOW_FRAMES 2u
#define FLIGHT_MICRO_HEARTBEAT_MS 5000u

/* codes after which a client stops: bit n stands for code n */
#define FLIGHT_CODES_FATAL 0x4300eu

/* transports that a profile lists at most */
#define FLIGHT_PROFILE_TRANSPORTS 3u

/* What the session needs to know of a platform. Every value may be replaced. */
typedef struct flight_profile {
    int32_t update_interval_ms; /* between two polls when nothing is urgent */
    int32_t connect_timeout_ms; /* for opening a transport, and for the greeting */
    int32_t connect_retry_interval_ms; /* the first ceiling of the backoff */
    int32_t heartbeat_ms; /* until WELCOME says otherwise */
    int32_t backoff_floor_ms; /* the shortest wait after a failure */
    int32_t backoff_cap_ms; /* the longest one */
    int32_t poll_floor_ms; /* between two polls when something is urgent */
    int32_t batch_delay_ms; /* how long lossy events collect */
    int32_t batch_events; /* that make a batch full */
    int32_t lossy_slots; /* events of the ring of lossy ones */
    int32_t link_bytes_per_s; /* that the link drains; 0: it is faster than the queues can fill it */
    int32_t frame_bytes; /* the largest frame taken or sent */
    int32_t payload_bytes; /* the largest event in one frame */
    int32_t message_bytes; /* the largest event at all, in pieces where it is above payload_bytes */
    int32_t window_frames; /* frames kept until they are acknowledged */
    int32_t max_retries; /* failures of a transport before the next one is tried */
    uint8_t id; /* FLIGHT_PLATFORM_... */
    uint8_t probe; /* 1: better transports are tried again */
    uint8_t transport_count; /* of the next, best first */
    uint8_t transports[FLIGHT_PROFILE_TRANSPORTS]; /* FLIGHT_TRANSPORT_... */
} flight_profile;

#define FLIGHT_DREAMCAST_PROFILE {5000, 30000, 5000, 10000, 250, 10000, 500, 1000, 16, 32, 3600, 640, 512, 512, 4, 1, 1, 0, 1, {3, 0, 0}}
#define FLIGHT_PSP_PROFILE {3000, 10000, 1000, 10000, 250, 10000, 250, 500, 16, 64, 0, 1024, 896, 896, 8, 2, 2, 0, 1, {3, 0, 0}}
#define FLIGHT_VITA_PROFILE {1000, 10000, 1000, 5000, 250, 10000, 100, 100, 32, 256, 0, 4096, 3840, 8000, 16, 3, 3, 1, 3, {1, 2, 3}}
#define FLIGHT_V6R_CLOUD_PROFILE {1000, 10000, 1000, 5000, 250, 30000, 50, 20, 64, 1024, 0, 16384, 16000, 60000, 32, 3, 4, 1, 2, {2, 3, 0}}
#define FLIGHT_WEB_PROFILE {1000, 10000, 1000, 5000, 250, 30000, 50, 20, 64, 1024, 0, 16384, 16000, 60000, 32, 3, 5, 1, 2, {2, 3, 0}}
#define FLIGHT_HOST_PROFILE {1000, 10000, 1000, 5000, 250, 10000, 50, 20, 64, 1024, 0, 16384, 16000, 60000, 32, 3, 6, 1, 2, {2, 3, 0}}
#define FLIGHT_MICRO_PROFILE {3000, 10000, 1000, 5000, 250, 30000, 250, 500, 16, 32, 0, 640, 512, 512, 2, 2, 7, 0, 3, {1, 2, 3}}

#endif
