/* The resume record: what is whole, what is newer, what was never written. */
#include <string.h>

#include "program.h"

#define BYTES FLIGHT_RESUME_BYTES

static uint8_t copies[2u * BYTES];

/* Write a record with this serial as one of the copies. */
static void write(int which, uint32_t serial)
{
    flight_resume resume;

    memset(&resume, 0, sizeof resume);
    resume.serial = serial;
    resume.mark = 77;
    resume.before = ((int64_t)5 << 32) + 0x87654321;
    resume.starts = 9;
    memcpy(resume.incarnation, "incarnat", 8);
    memcpy(resume.epoch, "epoch--1", 8);
    flight_resume_name(&resume, "twin-1");
    flight_resume_pack(&resume, copies + (uint32_t)which * BYTES);
}

/* Change one byte of the first copy, with a right CRC where `mended`. */
static int is_whole_after(uint32_t at, uint8_t value, int mended)
{
    flight_resume resume;
    uint32_t crc;

    write(0, 1);
    copies[at] = value;
    if (mended) {
        crc = flight_crc32c(copies, BYTES - 4u, 0);
        memcpy(copies + BYTES - 4u, &crc, 4); /* on a little-endian machine */
    }
    return flight_resume_unpack(&resume, copies);
}

static void reads_what_was_written(void)
{
    static const uint8_t name[4] = {0};
    flight_resume resume;

    write(0, 3);
    memset(&resume, 0, sizeof resume);
    CHECK(flight_resume_unpack(&resume, copies) == 1);
    CHECK(resume.serial == 3 && resume.mark == 77 && resume.starts == 9);
    CHECK(resume.before == ((int64_t)5 << 32) + 0x87654321);
    CHECK(memcmp(resume.incarnation, "incarnat", 8) == 0 && memcmp(resume.epoch, "epoch--1", 8) == 0);
    CHECK(memcmp(resume.device, name, 4) != 0);
}

void test_resume(void)
{
    memset(copies, 0, sizeof copies);
    CHECK(flight_resume_newest(copies) == FLIGHT_RESUME_NONE);
    memset(copies, 0xff, sizeof copies);
    CHECK(flight_resume_newest(copies) == FLIGHT_RESUME_NONE);
    copies[100] = 0;
    CHECK(flight_resume_newest(copies) == FLIGHT_RESUME_DAMAGED);
    copies[0] = 1;
    CHECK(flight_resume_newest(copies) == FLIGHT_RESUME_DAMAGED);
    write(0, 5);
    CHECK(flight_resume_newest(copies) == 0);
    write(1, 6);
    CHECK(flight_resume_newest(copies) == 1);
    write(0, 7);
    CHECK(flight_resume_newest(copies) == 0);
    CHECK(!is_whole_after(5, 1, 0)); /* the copy is damaged from here on */
    CHECK(flight_resume_newest(copies) == 1);
    reads_what_was_written();
    CHECK(is_whole_after(4, 200, 1));
    CHECK(!is_whole_after(0, 0, 1));
    CHECK(!is_whole_after(2, 2, 1));
    CHECK(!is_whole_after(27, 0x40, 1));
}
