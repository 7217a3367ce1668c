#include "base/lat.h"
#include "tests/check.h"

static void test_parts_sum_to_the_whole(void)
{
    struct lat lat;
    lat_start(&lat, 1000);
    lat_mark(&lat, LAT_SERVER, 1010);
    lat_mark(&lat, LAT_QUEUE, 1100);
    lat_mark(&lat, LAT_UPSTREAM, 1400);
    lat_mark(&lat, LAT_SERVER, 1405);
    int64_t sum = 0;
    for (int i = 0; i < LAT_PARTS; i++)
        sum += lat.part_us[i];
    CHECK_EQ(sum, 1405 - 1000);
    CHECK_EQ(lat.part_us[LAT_SERVER], 15);
    CHECK_EQ(lat.part_us[LAT_QUEUE], 90);
    CHECK_EQ(lat.part_us[LAT_UPSTREAM], 300);
    CHECK_EQ(lat.part_us[LAT_HOLD], 0);
}

static void test_a_stamp_from_before_books_nothing(void)
{
    struct lat lat;
    lat_start(&lat, 1000);
    lat_mark(&lat, LAT_QUEUE, 900);
    lat_mark(&lat, LAT_STORE, 1000);
    lat_mark(&lat, LAT_HOLD, 1001);
    CHECK_EQ(lat.part_us[LAT_QUEUE], 0);
    CHECK_EQ(lat.part_us[LAT_STORE], 0);
    CHECK_EQ(lat.part_us[LAT_HOLD], 1);
    CHECK_EQ(lat.last_us, 1001);
    CHECK_EQ(lat.start_us, 1000);
}

int main(void)
{
    RUN(test_parts_sum_to_the_whole);
    RUN(test_a_stamp_from_before_books_nothing);
    return check_done();
}
