// Plugin for Debian's SH-4 gcc 12: skips the passes sh_treg_combine2 and sh_treg_combine3, which delete compares that the
// following branch needs. -fdisable-rtl-... is refused for them, because they register after the options are read.
#include "gcc-plugin.h"
#include "tree-pass.h"

int plugin_is_GPL_compatible;

static void skip_faulty_passes(void *gate_status, void *)
{
    if (strncmp(current_pass->name, "sh_treg_combine", 15) == 0 && current_pass->name[15] != '1') {
        *static_cast<bool *>(gate_status) = false;
    }
}

int plugin_init(plugin_name_args *info, plugin_gcc_version *)
{
    register_callback(info->base_name, PLUGIN_OVERRIDE_GATE, skip_faulty_passes, nullptr);
    return 0;
}
