/* flight_client, with the names of the package in Python. */
#include "flight_module.h"

static const mp_rom_map_elem_t module_names[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_flight_client)},
    {MP_ROM_QSTR(MP_QSTR_Client), MP_ROM_PTR(&flight_type_client)},
    {MP_ROM_QSTR(MP_QSTR_Channel), MP_ROM_PTR(&flight_type_channel)},
    {MP_ROM_QSTR(MP_QSTR_Received), MP_ROM_PTR(&flight_type_received)},
    {MP_ROM_QSTR(MP_QSTR_Log), MP_ROM_PTR(&flight_type_log)},
    {MP_ROM_QSTR(MP_QSTR_Payload), MP_ROM_PTR(&flight_type_payload)},
    {MP_ROM_QSTR(MP_QSTR_FrameTime), MP_ROM_PTR(&flight_type_frame_time)},
    {MP_ROM_QSTR(MP_QSTR_MemoryUpdate), MP_ROM_PTR(&flight_type_memory_update)},
    {MP_ROM_QSTR(MP_QSTR_SystemMonitoring), MP_ROM_PTR(&flight_type_system_monitoring)},
    {MP_ROM_QSTR(MP_QSTR_EventError), MP_ROM_PTR(&mp_type_ValueError)},
    {MP_ROM_QSTR(MP_QSTR_QUEUED), MP_ROM_INT(QUEUED)},
    {MP_ROM_QSTR(MP_QSTR_REFUSED_FULL), MP_ROM_INT(REFUSED_FULL)},
    {MP_ROM_QSTR(MP_QSTR_REFUSED_TOO_LARGE), MP_ROM_INT(REFUSED_TOO_LARGE)},
    {MP_ROM_QSTR(MP_QSTR_REFUSED_CHANNEL), MP_ROM_INT(REFUSED_CHANNEL)},
    {MP_ROM_QSTR(MP_QSTR_REFUSED_CLOSED), MP_ROM_INT(REFUSED_CLOSED)},
    {MP_ROM_QSTR(MP_QSTR_REFUSED_MEMORY), MP_ROM_INT(REFUSED_MEMORY)},
};
static MP_DEFINE_CONST_DICT(module_dict, module_names);

const mp_obj_module_t flight_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&module_dict,
};

MP_REGISTER_MODULE(MP_QSTR_flight_client, flight_module);
