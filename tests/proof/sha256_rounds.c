/* proves: flight_sha256_add
 * bound: the rounds over a full block, any words in block and state, all 64: every index inside its table
 * unwind: 67
 * bug: flight_sha256.c: w[(7u - round) & 7u] = sum => w[(7u - round) & 15u] = sum
 */
#include "proof.h"

#include "flight_sha256.c"

int main(void)
{
    flight_sha256 hash;

    work(&hash);
    return 0;
}
