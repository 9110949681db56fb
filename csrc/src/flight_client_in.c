/* What comes in: bytes through the codec and the stream to frames, each frame to the session. One frame a step. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

void flight_in_reset(flight_client *client)
{
    client->in_start = 0;
    client->in_end = 0;
    client->in_fed = 1;
    client->codec_over = 0; /* what is being delivered stays: it stands where it did until the next bytes come */
    client->stream.start = 0;
    client->stream.end = 0;
    client->stream.summed_to = 0;
}

/* ---- what a frame means ---- */

/* Why the session took leave of its connection, for people. */
static void note(flight_client *client, int news)
{
    const flight_session *session = &client->session;

    if (news == FLIGHT_NEWS_ENDED && session->ending.code == FLIGHT_CODE_OK) {
        return; /* the answer to our own goodbye */
    }
    client->port_error = 0;
    client->trouble_detail = 0;
    switch (news) {
    case FLIGHT_NEWS_ENDED:
        client->trouble = FLIGHT_TROUBLE_REFUSED;
        client->trouble_detail = session->ending.code;
        break;
    case FLIGHT_NEWS_TOKEN_REFUSED:
        client->trouble = FLIGHT_TROUBLE_REFUSED;
        client->trouble_detail = session->in.refused_code;
        break;
    case FLIGHT_NEWS_FORGED:
        client->trouble = FLIGHT_TROUBLE_FORGED;
        break;
    default:
        client->trouble = FLIGHT_TROUBLE_BROKEN;
        break;
    }
}

static void obey_news(flight_client *client, int news)
{
    switch (news) {
    case FLIGHT_NEWS_DELIVERED_AFTER_HOLE:
        client->missed++;
        flight_deliver_begin(client);
        break;
    case FLIGHT_NEWS_DELIVERED:
        flight_deliver_begin(client);
        break;
    case FLIGHT_NEWS_MISSING:
        client->missed++;
        break;
    case FLIGHT_NEWS_CONNECTED:
        client->keep = client->resume_on; /* before the first critical event of a new incarnation goes */
        break;
    case FLIGHT_NEWS_ENDED:
    case FLIGHT_NEWS_BROKEN:
    case FLIGHT_NEWS_TOKEN_REFUSED:
    case FLIGHT_NEWS_FORGED:
        note(client, news);
        break;
    default:
        break;
    }
}

static int wants_a_link(const flight_client *client)
{
    const uint32_t with = 1u << FLIGHT_STATE_OPENING | 1u << FLIGHT_STATE_GREETING | 1u << FLIGHT_STATE_ATTACHING |
                          1u << FLIGHT_STATE_READY | 1u << FLIGHT_STATE_CLOSING;

    return (with >> client->session.state & 1u) != 0;
}

/* Whether the frame may carry its flags: what was agreed on, and tags where there is a key. */
static int flags_are_agreed(const flight_client *client, const flight_frame *frame)
{
    const flight_agreement *agreement = &client->session.agreement;
    const uint32_t tag = agreement->auth != FLIGHT_AUTH_NONE ? FLIGHT_FLAG_AUTHENTICATED : 0u;

    return (frame->flags & ~(FLIGHT_FLAGS_PLAIN | agreement->down | tag)) == 0;
}

static void take_frame(flight_client *client, flight_frame *frame)
{
    int news;

#if FLIGHT_PIPE
    if (client->transport == FLIGHT_TRANSPORT_SERIAL && !flight_line_take(client, frame)) {
        return;
    }
#endif
    if (!flags_are_agreed(client, frame)) {
        flight_link_failed(client, FLIGHT_TROUBLE_BROKEN, 0, 0);
        return;
    }
    if ((frame->flags & FLIGHT_FLAG_AUTHENTICATED) && !flight_proof_check(client, frame)) {
        client->session.tally.forged++;
        flight_link_failed(client, FLIGHT_TROUBLE_FORGED, 0, 0);
        return;
    }
    news = flight_session_receive(&client->session, frame, client->now_ms, client->random & 0xffffu);
    client->tried &= (uint8_t)~FLIGHT_TRIED_SESSION;
    obey_news(client, news);
    if (!wants_a_link(client)) {
        flight_link_drop(client);
    }
}

/* ---- bytes ---- */

#if (FLIGHT_POLLING || FLIGHT_WEBSOCKET)
/* The codec takes out what is its own. Returns its bits. */
static int feed(flight_client *client, size_t *bytes)
{
#if FLIGHT_POLLING
    if (client->transport == FLIGHT_TRANSPORT_POLLING) {
        return flight_http_feed(&client->http, client->in, bytes);
    }
#endif
#if FLIGHT_WEBSOCKET
    if (client->transport == FLIGHT_TRANSPORT_WEBSOCKET) {
        return flight_websocket_feed(&client->websocket, client->in, bytes);
    }
#endif
    return 0;
}

static void codec_failed(flight_client *client)
{
    uint8_t problem = FLIGHT_TROUBLE_DIED;
    uint16_t status = 0;

#if FLIGHT_POLLING
    if (client->transport == FLIGHT_TRANSPORT_POLLING) {
        problem = client->http.problem;
        status = client->http.status;
    }
#endif
#if FLIGHT_WEBSOCKET
    if (client->transport == FLIGHT_TRANSPORT_WEBSOCKET) {
        problem = client->websocket.problem;
        status = client->websocket.status;
    }
#endif
    flight_link_failed(client, problem, status, 0);
}

/* What the port gave goes through the codec, once. Returns 0 where the transport is over. */
static int decode(flight_client *client)
{
    size_t bytes = client->in_end;
    const int bits = feed(client, &bytes);

    if (client->transport == FLIGHT_TRANSPORT_POLLING || client->transport == FLIGHT_TRANSPORT_WEBSOCKET) {
        client->in_end = (uint32_t)bytes;
        client->reply_bytes += (uint32_t)bytes;
    }
    if (bits & FLIGHT_CODEC_FAILED) {
        client->codec_over = 1; /* frames in front of it still count */
    }
    if ((bits & FLIGHT_CODEC_OPEN) && client->link == FLIGHT_LINK_SHAKING) {
        flight_link_opened(client);
    }
    if (bits & FLIGHT_CODEC_TURN_DONE) {
        client->turn_done = 1;
    }
    if (bits & FLIGHT_CODEC_REOPEN) {
        client->link = FLIGHT_LINK_RESTING;
        client->drop = 1;
    }
    if (bits & FLIGHT_CODEC_ANSWER) {
        client->tried &= (uint8_t)~FLIGHT_TRIED_SEND;
    }
    return 1;
}
#else
static int decode(flight_client *client)
{
    (void)client;
    return 1;
}
#endif

/* Everything that came is with the session: what the codec noticed may take effect. Returns 0 where there is nothing. */
static int settle(flight_client *client)
{
#if (FLIGHT_POLLING || FLIGHT_WEBSOCKET)
    if (client->codec_over) {
        if (!flight_link_say_goodbye(client)) {
            codec_failed(client);
        }
        return 1;
    }
#endif
    if (!client->turn_done) {
        return 0;
    }
    client->turn_done = 0;
    if (client->stream.start != client->stream.end) {
        flight_link_failed(client, FLIGHT_TROUBLE_LENGTH, 0, 0); /* a reply ends with a whole frame */
        return 1;
    }
    if (client->reply_bytes > FLIGHT_POLL_BODY_BYTES / 2u) {
        flight_session_poll_soon(&client->session);
    }
    flight_session_turn_done(&client->session, client->now_ms);
    client->tried &= (uint8_t)~FLIGHT_TRIED_SESSION;
    return 1;
}

/* Bytes that are no frames: on a byte pipe that happens, elsewhere it is the wrong peer. Returns whether the link goes on. */
static int count_garbage(flight_client *client)
{
    if (client->stream.garbage_bytes == 0) {
        return 1;
    }
    client->garbage_bytes += client->stream.garbage_bytes;
    client->stream.garbage_bytes = 0;
    if (FLIGHT_PIPE && client->transport == FLIGHT_TRANSPORT_SERIAL) {
        return 1;
    }
    flight_link_failed(client, FLIGHT_TROUBLE_GARBAGE, 0, 0);
    return 0;
}

/* The next frame, or the next bytes on their way to one. Returns 0 where there is neither. */
int flight_in_step(flight_client *client)
{
    flight_frame frame;

    if (!client->in_fed) {
        if (client->out.answer_at != 0) {
            return 0; /* a newer answer must not take the place of one that is half sent */
        }
        client->in_fed = 1;
        decode(client);
    }
    if (client->in_start != client->in_end) {
        client->in_start += (uint32_t)flight_stream_push(&client->stream, client->in + client->in_start,
                                                         client->in_end - client->in_start);
    }
    if (client->stream.start != client->stream.end) {
        const int bytes = flight_stream_next(&client->stream, &frame);

        if (!count_garbage(client)) {
            return 1;
        }
        if (bytes > 0) {
            take_frame(client, &frame);
            return 1;
        }
        if (client->in_start != client->in_end) {
            return 1; /* there is room in the stream now */
        }
    }
    return settle(client);
}

#endif
