/* When to try again, and over which transport. Data from the profile, numbers in, numbers out. What it does and why stands in
 * the reference, flight_client/session/device/policy.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* A number from low to high, from 16 random bits. */
static int32_t uniform(int32_t low, int32_t high, uint32_t random)
{
    const uint32_t span = (uint32_t)(high - low) + 1u;
    uint64_t product;

    if (high <= low) {
        return low;
    }
    if (span < 8192u) {
        return low + (int32_t)(span * random >> 16);
    }
    product = (uint64_t)(span >> 4) * random; /* its halves are shifted by hand: 32-bit machines have no such instruction */
    return low + (int32_t)((uint32_t)(product >> 32) << 20 | (uint32_t)product >> 12);
}

void flight_policy_init(flight_session_policy *policy, const flight_profile *profile, const uint8_t *transports,
                        uint8_t count)
{
    policy->profile = profile;
    policy->transports = transports;
    policy->count = count;
    policy->spread_ms = (int32_t)FLIGHT_RECONNECT_SPREAD_MS;
    policy->probe_wait_ms = (int32_t)FLIGHT_PROBE_BASE_MS;
    policy->hint_ms = -1;
}

void flight_policy_ready(flight_session_policy *policy, uint32_t now_ms)
{
    const int first = policy->stepped_down && !policy->flapped;

    policy->failures = 0;
    policy->was_ready = 1;
    policy->ready_at_ms = now_ms;
    policy->stepped_down = 0;
    policy->probing = 0;
    policy->probe_at_ms = flight_later(now_ms, first ? (int32_t)FLIGHT_PROBE_FIRST_MS : policy->probe_wait_ms);
}

void flight_policy_hint(flight_session_policy *policy, int32_t retry_after_ms)
{
    policy->hint_ms = flight_min(retry_after_ms, FLIGHT_LONGEST_MS);
}

void flight_policy_announce(flight_session_policy *policy, int32_t spread_ms)
{
    if (spread_ms > 0) {
        policy->spread_ms = flight_min(spread_ms, FLIGHT_LONGEST_MS);
    }
}

static void double_probe_wait(flight_session_policy *policy)
{
    policy->probe_wait_ms = flight_min(policy->probe_wait_ms * 2, (int32_t)FLIGHT_PROBE_CAP_MS);
}

static void judge_upgrade(flight_session_policy *policy, int32_t lived_ms)
{
    if (lived_ms >= (int32_t)FLIGHT_UPGRADE_HEALTHY_MS) {
        policy->flapped = 0;
        if (policy->upgraded || policy->index == 0) {
            policy->probe_wait_ms = (int32_t)FLIGHT_PROBE_BASE_MS;
        }
    } else if (policy->upgraded) {
        policy->flapped = 1;
        double_probe_wait(policy);
    }
    policy->upgraded = 0;
}

static void step_down(flight_session_policy *policy)
{
    policy->failures = 0;
    policy->index++;
    policy->stepped_down = 1;
    if (policy->index == policy->count) {
        policy->index = 0;
        policy->stepped_down = 0;
    }
    policy->switches++;
}

void flight_policy_failed(flight_session_policy *policy, uint32_t now_ms)
{
    const int32_t lived_ms = policy->was_ready ? flight_elapsed(now_ms, policy->ready_at_ms) : 0;

    policy->was_ready = 0;
    policy->failed_total = (policy->failed_total + 1u) & 0xffffffu;
    judge_upgrade(policy, lived_ms);
    if (lived_ms >= (int32_t)FLIGHT_HEALTHY_MS) {
        policy->attempt = 0;
        return;
    }
    policy->attempt++;
    policy->failures++;
    if (policy->count > 1 && policy->failures >= flight_max(1, policy->profile->max_retries)) {
        step_down(policy);
    }
}

/* A fleet stays spread when it fails again: nobody comes twice while the others come for the first time. So a retry waits
 * at least the announced spread, and up to twice that. */
static int32_t ceiling_ms(const flight_session_policy *policy)
{
    const int32_t cap_ms = policy->profile->backoff_cap_ms;
    int32_t ceiling = flight_max(policy->profile->connect_retry_interval_ms, 2 * policy->spread_ms);
    int32_t doublings = policy->attempt - 1;

    while (doublings > 0 && ceiling < cap_ms) {
        ceiling *= 2;
        doublings--;
    }
    return flight_min(ceiling, flight_max(cap_ms, 2 * policy->spread_ms));
}

int32_t flight_policy_wait_ms(flight_session_policy *policy, uint32_t random)
{
    int32_t wait_ms = policy->hint_ms;

    random &= 0xffffu;
    if (wait_ms >= 0) {
        policy->hint_ms = -1;
        return wait_ms + uniform(0, policy->spread_ms, random);
    }
    if (policy->attempt == 0) {
        return uniform(0, policy->spread_ms, random);
    }
    return uniform(flight_max(policy->profile->backoff_floor_ms, policy->spread_ms), ceiling_ms(policy), random);
}

/* The next attempt is on this transport, where it is one of ours. */
void flight_policy_use(flight_session_policy *policy, uint8_t transport)
{
    uint8_t index;

    for (index = 0; index < policy->count; index++) {
        if (policy->transports[index] == transport && index != policy->index) {
            policy->stepped_down = index > policy->index;
            policy->index = index;
            policy->switches++;
            policy->failures = 0;
            return;
        }
    }
}

/* Count the last failure though the connection was healthy: the present wait stays, the next one is longer. */
void flight_policy_back_off(flight_session_policy *policy)
{
    policy->attempt = flight_max(policy->attempt, 1);
}

/* The application gave the connection up: no failure, so nothing is spent. An upgrade stays on trial. */
void flight_policy_paused(flight_session_policy *policy, uint32_t now_ms)
{
    if (policy->was_ready && flight_elapsed(now_ms, policy->ready_at_ms) >= (int32_t)FLIGHT_HEALTHY_MS) {
        policy->attempt = 0;
    }
    policy->was_ready = 0;
    policy->probing = 0;
}

/* Whether a probe will be due at some time; only a session that is ready asks. */
static int probes(const flight_session_policy *policy)
{
    return policy->profile->probe && policy->index > 0 && !policy->probing;
}

int flight_policy_probe_due(const flight_session_policy *policy, uint32_t now_ms)
{
    return probes(policy) && flight_elapsed(now_ms, policy->probe_at_ms) >= 0;
}

int32_t flight_policy_probe_wait_ms(const flight_session_policy *policy, uint32_t now_ms, int32_t wait_ms)
{
    return probes(policy) ? flight_min(wait_ms, -flight_elapsed(now_ms, policy->probe_at_ms)) : wait_ms;
}

void flight_policy_probe_failed(flight_session_policy *policy, uint32_t now_ms)
{
    policy->probing = 0;
    policy->probe_at_ms = flight_later(now_ms, policy->probe_wait_ms);
    double_probe_wait(policy);
}

void flight_policy_upgrade(flight_session_policy *policy)
{
    policy->probing = 0;
    policy->index--;
    policy->switches++;
    policy->failures = 0;
    policy->was_ready = 0;
    policy->upgraded = 1;
}

#endif
