/* The port file of this machine, as it is. */
#if defined(__DREAMCAST__) || defined(_arch_dreamcast)
#include "flight_port_kos.c"
#elif defined(__psp__) || defined(__PSP__)
#include "flight_port_psp.c"
#elif defined(__vita__) || defined(__VITA__)
#include "flight_port_vita.c"
#else
#include "flight_port_posix.c"
#endif
