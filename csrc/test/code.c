/* code.c - tests of how codes lie in memory.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "../code.h"

#include <string.h>

/* What is packed comes out again, as numbers and as lanes; and a code is as long as documented. */
static void test_packing(void)
{
    uint64_t rng = test_seed;
    for (size_t n = 1; n <= N2_MAX_AXES; n++) {
        for (int is_short = 0; is_short < 2; is_short++) {
            uint8_t numbers[N2_MAX_AXES] = {0}, out[N2_MAX_AXES], code[N2_MAX_AXES + 1];
            size_t bytes = n2_code_bytes(n, is_short), padded = n2_round_up(n, N2_CODE_UNIT);
            CHECK(bytes == (is_short ? (n + 101) / 102 * 64 : (n + 63) / 64 * 64));
            for (size_t i = 0; i < n; i++)
                numbers[i] = (uint8_t)(is_short ? 4 * rng_below(&rng, 32) + 2
                                                : rng_below(&rng, N2_CODE_MAX + 1));
            memset(code, 0xa5, sizeof code);
            memset(out, 0xa5, sizeof out);
            n2_code_pack(numbers, n, is_short, code);
            CHECK(code[bytes] == 0xa5);
            n2_code_unpack(code, n, is_short, out);
            CHECKF(!memcmp(numbers, out, padded), "%zu numbers, short %d: others", n, is_short);
            CHECK(padded == N2_MAX_AXES || out[padded] == 0xa5);
            if (!is_short) {
                CHECK(!memcmp(code, numbers, bytes));
                continue;
            }
            uint8_t lanes[N2_MAX_LANES], spread[N2_MAX_LANES];
            n2_code_lanes(code, bytes, lanes);
            n2_code_spread(numbers, n, spread);
            for (size_t i = 0; i < n; i++)
                CHECK(lanes[n2_code_lane(i)] == numbers[i] - 2 &&
                      spread[n2_code_lane(i)] == numbers[i] - 2);
            for (size_t i = 0; i < 2 * bytes; i++) /* zeros elsewhere */
                CHECK(i % 64 < N2_SHORT_HALF || (lanes[i] == 0 && spread[i] == 0));
        }
    }
}

static const struct test_case cases[] = {{"packing", test_packing}};
TEST_MAIN(cases)
