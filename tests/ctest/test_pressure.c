/* Memory pressure: both sides of each limit, what is unknown, and products beyond 32 bits. */
#include "ctest.h"

static void test_the_share_in_use(void)
{
    CHECK(flight_pressure(1000, 900, 0) == FLIGHT_CALM);
    CHECK(flight_pressure(1000, 901, 0) == FLIGHT_PRESSURE);
    CHECK(flight_pressure(16777216, 15099494, 0) == FLIGHT_CALM); /* 0.9 of it is 15,099,494.4 */
    CHECK(flight_pressure(16777216, 15099495, 0) == FLIGHT_PRESSURE);
    CHECK(flight_pressure(0xfffffff0u, 3865470552u, 0) == FLIGHT_CALM); /* 0.9 of it is 3,865,470,552.0 */
    CHECK(flight_pressure(0xfffffff0u, 3865470553u, 0) == FLIGHT_PRESSURE);
    CHECK(flight_pressure(1, 2, 0) == FLIGHT_PRESSURE);
    CHECK(flight_pressure(0, 5, 0) == FLIGHT_CALM);
    CHECK(flight_pressure(0xffffffffu, 5, 0) == FLIGHT_CALM);
    CHECK(flight_pressure(5, 0xffffffffu, 0) == FLIGHT_CALM);
}

static void test_fragmentation(void)
{
    CHECK(flight_pressure(1000, 0, 3000) == FLIGHT_CALM && flight_pressure(1000, 0, 3001) == FLIGHT_WARNING);
    CHECK(flight_pressure(1000, 0, 4000) == FLIGHT_WARNING && flight_pressure(1000, 0, 4001) == FLIGHT_PRESSURE);
    CHECK(flight_pressure(1000, 0, 0xfffe) == FLIGHT_PRESSURE && flight_pressure(1000, 0, 0xffff) == FLIGHT_CALM);
    CHECK(flight_pressure(1000, 0, 0x10000) == FLIGHT_CALM); /* no more known than 0xffff */
    CHECK(flight_pressure(0, 0, 3500) == FLIGHT_WARNING); /* each number is judged by itself */
    CHECK(flight_pressure(1000, 950, 0xffff) == FLIGHT_PRESSURE);
}

static void test_limits_of_ones_own(void)
{
    const flight_pressure_limits limits = {100, 200, 5000};

    CHECK(flight_pressure_by(&limits, 1000, 500, 100) == FLIGHT_CALM);
    CHECK(flight_pressure_by(&limits, 1000, 501, 100) == FLIGHT_PRESSURE);
    CHECK(flight_pressure_by(&limits, 1000, 500, 101) == FLIGHT_WARNING);
    CHECK(flight_pressure_by(&limits, 1000, 500, 201) == FLIGHT_PRESSURE);
}

void test_pressure(void)
{
    test_the_share_in_use();
    test_fragmentation();
    test_limits_of_ones_own();
}
