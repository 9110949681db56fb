/* Lines of text: a formatter of its own, without floats, tables of powers or divisions, straight into a body of the ring's size
 * on the stack. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

#define TEXT_AT 6u /* level, reserved, length */

typedef struct writer {
    uint8_t *at;
    uint8_t *end;
} writer;

static void put(writer *out, char letter)
{
    if (out->at < out->end) {
        *out->at++ = (uint8_t)letter;
    }
}

#if FLIGHT_FORMAT
/* What stands between a % and its letter. */
typedef struct spec {
    uint32_t width;
    uint8_t left;   /* - */
    uint8_t zeros;  /* 0 */
    uint8_t size;   /* sizes seen: 1 for l and z, 2 for ll */
    char letter;
} spec;

static void pad(writer *out, char letter, uint32_t bytes, uint32_t width)
{
    for (; bytes < width; bytes++) {
        put(out, letter);
    }
}

static void put_padded(writer *out, const spec *how, const char *text, uint32_t bytes)
{
    uint32_t i;

    if (!how->left) {
        pad(out, ' ', bytes, how->width);
    }
    for (i = 0; i < bytes; i++) {
        put(out, text[i]);
    }
    if (how->left) {
        pad(out, ' ', bytes, how->width);
    }
}

/* The digits of a number, the last one at `end`. Returns where they begin. */
static char *digits(char *end, uint64_t number, const spec *how)
{
    const char *const letters = how->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    uint32_t high = (uint32_t)(number >> 32);
    uint32_t low = (uint32_t)number;
    uint32_t bit;

    if (how->letter != 'd' && how->letter != 'i' && how->letter != 'u') {
        do {
            *--end = letters[low & 15u];
            low = low >> 4 | high << 28;
            high >>= 4;
        } while ((low | high) != 0);
        return end;
    }
    while (high != 0) { /* divided by ten bit by bit: small processors have no such instruction, and nobody's library is wanted */
        uint32_t rest = 0;

        for (bit = 0; bit < 64u; bit++) {
            rest = rest << 1 | high >> 31;
            high = high << 1 | low >> 31;
            low <<= 1;
            if (rest >= 10u) {
                rest -= 10u;
                low |= 1u;
            }
        }
        *--end = (char)('0' + rest);
    }
    do { /* the product by 2^35 / 10, rounded up, is exact for 32 bits */
        const uint32_t tenth = (uint32_t)((uint64_t)low * 0xcccccccdu >> 32) >> 3;

        *--end = (char)('0' + (low - 10u * tenth));
        low = tenth;
    } while (low != 0);
    return end;
}

static void put_number(writer *out, spec *how, uint64_t number, int negative)
{
    char text[24];
    char *const end = text + sizeof text;
    char *begin = digits(end, number, how);

    if (how->zeros && !how->left) {
        uint32_t written = (uint32_t)(end - begin) + (uint32_t)negative;

        for (; written < how->width && begin > text + 1; written++) {
            *--begin = '0';
        }
    }
    if (negative) {
        *--begin = '-';
    }
    put_padded(out, how, begin, (uint32_t)(end - begin));
}

static void put_text(writer *out, const spec *how, const char *text)
{
    text = text != NULL ? text : "(null)";
    put_padded(out, how, text, flight_text_bytes(text, FLIGHT_LOG_TEXT_BYTES));
}

/* Read what stands behind a %. Returns where its letter is; at the end of the text the letter is 0. */
static const char *read_spec(spec *how, const char *format)
{
    memset(how, 0, sizeof *how);
    for (; *format == '-' || *format == '0'; format++) {
        how->left |= *format == '-';
        how->zeros |= *format == '0';
    }
    for (; *format >= '0' && *format <= '9'; format++) {
        how->width = how->width < 100u ? how->width * 10u + (uint32_t)(*format - '0') : how->width;
    }
    for (; *format == 'l' || *format == 'z' || *format == 'h' || *format == 'j' || *format == 't'; format++) {
        how->size = (uint8_t)(*format == 'l' ? how->size + 1u : *format == 'j' ? 2u : *format == 'h' ? 0u : 3u);
    }
    how->letter = *format;
    return format;
}

static int64_t take_signed(const spec *how, va_list *list)
{
    if (how->size == 0) {
        return va_arg(*list, int);
    }
    if (how->size == 2) {
        return va_arg(*list, long long);
    }
    return how->size == 1 ? (int64_t)va_arg(*list, long) : (int64_t)va_arg(*list, ptrdiff_t);
}

static uint64_t take_unsigned(const spec *how, va_list *list)
{
    if (how->size == 0) {
        return va_arg(*list, unsigned);
    }
    if (how->size == 2) {
        return va_arg(*list, unsigned long long);
    }
    return how->size == 1 ? (uint64_t)va_arg(*list, unsigned long) : (uint64_t)va_arg(*list, size_t);
}

/* One value. Returns 0 for a letter that is not known. */
static int put_value(writer *out, spec *how, va_list *list)
{
    char letter;

    switch (how->letter) {
    case 'd':
    case 'i': {
        const int64_t number = take_signed(how, list);

        put_number(out, how, number < 0 ? 0u - (uint64_t)number : (uint64_t)number, number < 0);
        return 1;
    }
    case 'u':
    case 'x':
    case 'X':
        put_number(out, how, take_unsigned(how, list), 0);
        return 1;
    case 'p':
        put_number(out, how, (uint64_t)(uintptr_t)va_arg(*list, void *), 0);
        return 1;
    case 's':
        put_text(out, how, va_arg(*list, const char *));
        return 1;
    case 'c':
        letter = (char)va_arg(*list, int);
        put_padded(out, how, &letter, 1);
        return 1;
    case '%':
        put(out, '%');
        return 1;
    default:
        return 0;
    }
}

static FLIGHT_APART void format_text(writer *out, const char *format, va_list *list)
{
    spec how;

    while (*format != 0 && out->at < out->end) {
        const char *letter;

        if (*format != '%') {
            put(out, *format++);
            continue;
        }
        letter = read_spec(&how, format + 1);
        if (!put_value(out, &how, list)) { /* what follows may not fit its list any more: only the text is safe */
            while (*format != 0) {
                put(out, *format++);
            }
            return;
        }
        format = letter + 1;
    }
}

#else

static void format_text(writer *out, const char *format, va_list *list)
{
    (void)list;
    while (*format != 0 && out->at < out->end) {
        put(out, *format++);
    }
}
#endif

/* Bytes of the UTF-8 letter at `at`, which ends before `end`; 0: there is none. */
static uint32_t letter_bytes(const uint8_t *at, const uint8_t *end)
{
    const uint32_t lead = at[0];
    const uint32_t more = lead < 0x80u ? 0u : lead < 0xe0u ? 1u : lead < 0xf0u ? 2u : 3u;
    const uint32_t least = lead == 0xe0u ? 0xa0u : lead == 0xf0u ? 0x90u : 0x80u; /* of the second byte */
    const uint32_t most = lead == 0xedu ? 0x9fu : lead == 0xf4u ? 0x8fu : 0xbfu;
    uint32_t i;

    if (more == 0) {
        return 1;
    }
    if (lead < 0xc2u || lead > 0xf4u || (uint32_t)(end - at) <= more || at[1] < least || at[1] > most) {
        return 0;
    }
    for (i = 2; i <= more; i++) {
        if ((at[i] & 0xc0u) != 0x80u) {
            return 0;
        }
    }
    return more + 1u;
}

/* What is no UTF-8 becomes a question mark, a letter that was cut too: a reader leaves out events with other text. */
void flight_client_mend(uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        const uint32_t bytes = letter_bytes(at, end);

        if (bytes == 0) {
            *at = '?';
        }
        at += bytes != 0 ? bytes : 1u;
    }
}

int flight_log_list(flight_client *client, int level, const char *format, va_list list)
{
    uint32_t body[(TEXT_AT + FLIGHT_LOG_TEXT_BYTES + 3u) / 4u];
    uint8_t *const at = (uint8_t *)body;
    writer out = {at + TEXT_AT, at + TEXT_AT + FLIGHT_LOG_TEXT_BYTES};
    va_list own;
    uint32_t bytes;

    if (client == NULL || format == NULL || level < (int)FLIGHT_LOG_DEBUG || level > (int)FLIGHT_LOG_ERROR) {
        return FLIGHT_REFUSED_ARGUMENT;
    }
    memset(body, 0, sizeof body);
    va_copy(own, list);
    format_text(&out, format, &own);
    va_end(own);
    flight_client_mend(at + TEXT_AT, out.at);
    bytes = (uint32_t)(out.at - at) - TEXT_AT;
    at[0] = (uint8_t)level;
    flight_store16(at + 4, (uint16_t)bytes);
    return flight_send_event(client, flight_channel(client, "log"), FLIGHT_LAYOUT_LOG, body, (TEXT_AT + bytes + 3u) & ~3u,
                             FLIGHT_CRITICAL);
}

int flight_log(flight_client *client, int level, const char *format, ...)
{
    va_list list;
    int answer;

    va_start(list, format);
    answer = flight_log_list(client, level, format, list);
    va_end(list);
    return answer;
}

#endif
