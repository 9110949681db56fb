/* What the arguments of Client() say: where the gateway is, who we are, how much memory. */
#include <string.h>

#include "flight_module.h"

MP_NORETURN void flight_refuse(int code)
{
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("flight: %s"), flight_error_text(code));
}

static MP_NORETURN void no_address(void)
{
    mp_raise_ValueError(MP_ERROR_TEXT("not a gateway address (there is no TLS here): use http://HOST:PORT, tcp://HOST:PORT or serial:///DEVICE"));
}

/* serial:///DEVICE: the byte pipe of this machine. */
static void use_pipe(client *self, flight_config *config, const char *device)
{
    self->transport_list[0] = FLIGHT_TRANSPORT_SERIAL;
    config->transports = self->transport_list;
    config->transport_count = 1;
#if defined(__DREAMCAST__) || defined(_arch_dreamcast)
    (void)device;
    self->port = &flight_port_kos_serial;
#elif defined(__psp__) || defined(__PSP__) || defined(__vita__) || defined(__VITA__)
    (void)device;
    no_address();
#else
    self->port = &flight_port_posix_pipe;
    flight_port_pipe_path = device;
#endif
}

static void use_host(client *self, flight_config *config, const char *text, int tcp_only)
{
    const char *colon = strrchr(text, ':');
    const size_t count = colon != NULL ? (size_t)(colon - text) : strcspn(text, "/");
    const char *at = colon != NULL ? colon + 1 : "";
    uint32_t port = colon != NULL ? 0 : FLIGHT_DEFAULT_PORT;
    char name[64];

    for (; *at >= '0' && *at <= '9' && port < 0x10000u; at++) {
        port = port * 10 + (uint32_t)(*at - '0');
    }
    if ((*at != 0 && strcmp(at, "/") != 0) || port == 0 || port > 0xfffeu || count == 0 || count >= sizeof name ||
        strchr(text, '@') != NULL) {
        no_address();
    }
    memcpy(name, text, count);
    name[count] = 0;
    if (name[strspn(name, "0123456789.")] != 0) { /* a name: asking for its address takes a while */
        const int error = flight_resolve(name, self->host, sizeof self->host);

        if (error != 0) {
            mp_raise_OSError(error < 0 ? -error : error);
        }
    } else if (count < sizeof self->host) {
        memcpy(self->host, name, count + 1);
    } else {
        no_address();
    }
    config->host = self->host;
    config->port = (uint16_t)port;
    if (tcp_only) {
        self->transport_list[0] = FLIGHT_TRANSPORT_TCP;
        config->transports = self->transport_list;
        config->transport_count = 1;
        config->tcp_port = (uint16_t)port;
    }
}

static void use_address(client *self, flight_config *config, const char *text)
{
    if (strncmp(text, "serial://", 9) == 0) {
        use_pipe(self, config, text + 9);
    } else if (strncmp(text, "tcp://", 6) == 0) {
        use_host(self, config, text + 6, 1);
    } else if (strncmp(text, "http://", 7) == 0) {
        use_host(self, config, text + 7, 0);
    } else {
        no_address();
    }
}

static void use_transports(client *self, flight_config *config, mp_obj_t wanted)
{
    size_t count;
    mp_obj_t *numbers;
    size_t i;

    if (wanted == mp_const_none || config->transport_count == 1) {
        return;
    }
    mp_obj_get_array(wanted, &count, &numbers);
    if (count == 0 || count > sizeof self->transport_list) {
        flight_refuse(FLIGHT_ERROR_ARGUMENT);
    }
    for (i = 0; i < count; i++) {
        self->transport_list[i] = (uint8_t)mp_obj_get_int(numbers[i]);
    }
    config->transports = self->transport_list;
    config->transport_count = (uint8_t)count;
}

static uint8_t platform_of(mp_obj_t name)
{
    static const struct {
        uint16_t name;
        uint8_t number;
    } known[] = {
        {MP_QSTR_dreamcast, FLIGHT_PLATFORM_DREAMCAST},
        {MP_QSTR_psp, FLIGHT_PLATFORM_PSP},
        {MP_QSTR_vita, FLIGHT_PLATFORM_VITA},
        {MP_QSTR_host, FLIGHT_PLATFORM_HOST},
    };
    size_t i;

    if (name == mp_const_none) {
        return 0; /* what the compiler says */
    }
    for (i = 0; i < MP_ARRAY_SIZE(known); i++) {
        if (mp_obj_equal(name, MP_OBJ_NEW_QSTR(known[i].name))) {
            return known[i].number;
        }
    }
    mp_raise_ValueError(MP_ERROR_TEXT("platform: dreamcast, psp, vita or host"));
}

enum { ADDRESS, TOKEN, DEVICE_ID, PLATFORM, VERSION, TRANSPORTS, DEVICE_KEY, CRITICAL_SLOTS, LOSSY_SLOTS, WINDOW_FRAMES,
       CHANNELS, ARGUMENTS };

static const mp_arg_t arguments[ARGUMENTS] = {
    {MP_QSTR_address, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL}},
    {MP_QSTR_token, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_)}},
    {MP_QSTR_device_id, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_)}},
    {MP_QSTR_platform, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
    {MP_QSTR_version, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
    {MP_QSTR_transports, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
    {MP_QSTR_device_key, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
    {MP_QSTR_critical_slots, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0}},
    {MP_QSTR_lossy_slots, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0}},
    {MP_QSTR_window_frames, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0}},
    {MP_QSTR_channels, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0}},
};

void flight_configure(client *self, flight_config *config, size_t positional, size_t named, const mp_obj_t *values)
{
    mp_arg_val_t said[ARGUMENTS];
    mp_buffer_info_t key;

    mp_arg_parse_all_kw_array(positional, named, values, ARGUMENTS, arguments, said);
    use_address(self, config, mp_obj_str_get_str(self->address = said[ADDRESS].u_obj));
    use_transports(self, config, said[TRANSPORTS].u_obj);
    config->token = mp_obj_str_get_str(self->token = said[TOKEN].u_obj);
    config->device_id = mp_obj_str_get_str(self->device_id = said[DEVICE_ID].u_obj);
    self->version = said[VERSION].u_obj;
    config->version = self->version != mp_const_none ? mp_obj_str_get_str(self->version) : NULL;
    config->platform = platform_of(said[PLATFORM].u_obj);
    config->critical_slots = (uint16_t)said[CRITICAL_SLOTS].u_int;
    config->lossy_slots = (uint16_t)said[LOSSY_SLOTS].u_int;
    config->window_frames = (uint16_t)said[WINDOW_FRAMES].u_int;
    config->channels = (uint16_t)said[CHANNELS].u_int;
    self->device_key = said[DEVICE_KEY].u_obj;
    if (self->device_key != mp_const_none) {
        mp_get_buffer_raise(self->device_key, &key, MP_BUFFER_READ);
        config->device_key = key.len != 0 ? key.buf : NULL;
        config->device_key_bytes = (uint32_t)key.len;
    }
}
