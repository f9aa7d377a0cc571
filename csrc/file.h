/* file.h - whole reads and writes, and files that appear at once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each function returns 0, an errno, or N2_ERR_NO_MEMORY.
 */
#ifndef N2_FILE_H
#define N2_FILE_H

#include "base.h"

/* Opens a regular file for reading and tells its size. A directory is EISDIR, anything else EINVAL.
 */
int n2_file_open(const char *path, int *fd, uint64_t *size);

/* Reads all of data[n] from `offset`; a file that ends before that is EIO. */
int n2_file_read(int fd, void *data, size_t n, uint64_t offset);

int n2_file_write(int fd, const void *data, size_t n);
int n2_file_close(int fd);

/* A file that replaces `path` when it is complete. */
struct n2_file_new {
    const char *path;
    char *temporary; /* its name until then, in the same directory */
    int fd, directory;
};

int n2_file_create(struct n2_file_new *file, const char *path);

/* Synchronises the file, gives it its name, synchronises the directory. On failure it is removed
 * and what stood at the path still stands there; but if only the last step fails it is in place. */
int n2_file_commit(struct n2_file_new *file);

/* Removes the file. */
void n2_file_abandon(struct n2_file_new *file);

#endif
