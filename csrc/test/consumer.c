/* consumer.c - a program outside the repository: compiled by what pkg-config says, as C and C++.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <n2.h>

#include <stdio.h>

int main(void)
{
    const float vectors[] = {0, 0, 1, 0, 1, 0, 1, 0, 0}, query[] = {1, 2, 3};
    struct n2_options options;
    struct n2_index *index;
    struct n2_neighbor found[3];
    size_t n = 0;
    n2_options_init(&options);
    options.metric = N2_L2;
    if (n2_create(&index, 3, &options) || n2_add(index, vectors, 3, NULL) ||
        n2_build(index, NULL) || n2_search(index, query, 3, NULL, found, &n))
        return 1;
    n2_free(index);
    for (size_t i = 0; i < n; i++)
        printf("%u %g\n", (unsigned)found[i].id, (double)found[i].distance);
    return 0;
}
