/* file.c - file operations that a signal, a short write or a crash does not spoil.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file.h"

#include "alloc.h"
#include "fault.h"
#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_AT_ONCE ((size_t)1 << 30) /* some systems refuse more than 2^31 - 1 bytes a call */
#define NAMES_TRIED 100

static int last_error(void)
{
    return errno ? errno : EIO;
}

int n2_file_open(const char *path, int *fd, uint64_t *size)
{
    if (n2_fault())
        return EIO;
    /* Not blocking: a FIFO without a writer must not hang the caller. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0)
        return last_error();
    struct stat info;
    int error = fstat(opened, &info) != 0 ? last_error()
                : S_ISDIR(info.st_mode)   ? EISDIR
                : !S_ISREG(info.st_mode)  ? EINVAL
                                          : 0;
    if (error) {
        (void)close(opened);
        return error;
    }
    *fd = opened;
    *size = (uint64_t)info.st_size;
    return 0;
}

int n2_file_read(int fd, void *data, size_t n, uint64_t offset)
{
    unsigned char *p = data;
    while (n > 0) {
        if (n2_fault())
            return EIO;
        ssize_t got = pread(fd, p, n2_min(n, MOST_AT_ONCE), (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return last_error();
        if (got == 0)
            return EIO;
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

int n2_file_write(int fd, const void *data, size_t n)
{
    const unsigned char *p = data;
    while (n > 0) {
        if (n2_fault())
            return EIO;
        ssize_t put = write(fd, p, n2_min(n, MOST_AT_ONCE));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return last_error();
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

int n2_file_close(int fd)
{
    bool fault = n2_fault();
    int failed = close(fd); /* not repeated: the descriptor is gone in any case */
    return fault ? EIO : failed && errno != EINTR ? last_error() : 0;
}

/* How much of a path is its directory, the slash included: "/x" is in "/". */
static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Opens the directory of a path, to synchronise it later; -1 if it may not be read, which is no
 * failure: then it is left to the system. */
static int open_directory(const char *path, int *fd)
{
    size_t n = directory_length(path);
    char *directory = n2_alloc(n + 2, 1);
    if (!directory)
        return N2_ERR_NO_MEMORY;
    memcpy(directory, n ? path : ".", n ? n : 1);
    directory[n ? n : 1] = 0;
    bool fault = n2_fault();
    *fd = fault ? -1 : open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fault ? EIO : *fd < 0 && errno != EACCES ? last_error() : 0;
    n2_alloc_free(directory);
    return error;
}

/* Creates the temporary file under a name that is not taken. */
static int create_temporary(struct n2_file_new *file)
{
    static uint32_t counter;
    size_t n = directory_length(file->path), room = n + 64;
    file->temporary = n2_alloc(room, 1);
    if (!file->temporary)
        return N2_ERR_NO_MEMORY;
    int error = n2_fault() ? EIO : EEXIST;
    for (int i = 0; i < NAMES_TRIED && error == EEXIST; i++) {
        /* The address of a local differs between processes that share a process id, as the first
         * ones of containers do. */
        uint64_t salt = (uint64_t)getpid() ^ (uint64_t)(uintptr_t)&error;
        snprintf(file->temporary, room, "%.*s.n2-%016llx.tmp", (int)n, file->path,
                 (unsigned long long)n2_hash(salt, N2_FETCH_ADD(&counter, 1)));
        file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        error = file->fd < 0 ? last_error() : 0;
    }
    if (error)
        n2_alloc_free(file->temporary);
    return error;
}

static void close_directory(const struct n2_file_new *file)
{
    if (file->directory >= 0)
        (void)close(file->directory);
}

int n2_file_create(struct n2_file_new *file, const char *path)
{
    *file = (struct n2_file_new){path, NULL, -1, -1};
    struct stat old;
    bool replaces = stat(path, &old) == 0;
    if (replaces && !S_ISREG(old.st_mode))
        return S_ISDIR(old.st_mode) ? EISDIR : EINVAL;
    int error = open_directory(path, &file->directory);
    if (error)
        return error;
    error = create_temporary(file);
    if (error) {
        close_directory(file);
        return error;
    }
    if (replaces) /* who may read the old file may read the new one; else the umask decides */
        (void)fchmod(file->fd, old.st_mode & 0777);
    return 0;
}

int n2_file_commit(struct n2_file_new *file)
{
    int error = n2_fault() ? EIO : fsync(file->fd) != 0 ? last_error() : 0;
    int closed = n2_file_close(file->fd);
    file->fd = -1;
    if (!error)
        error = closed;
    if (!error)
        error = n2_fault() ? EIO : rename(file->temporary, file->path) != 0 ? last_error() : 0;
    if (error) {
        n2_file_abandon(file);
        return error;
    }
    n2_alloc_free(file->temporary);
    if (file->directory >= 0) /* some file systems have nothing to synchronise: EINVAL */
        error = n2_fault() ? EIO : fsync(file->directory) != 0 && errno != EINVAL ? errno : 0;
    close_directory(file);
    return error;
}

void n2_file_abandon(struct n2_file_new *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    (void)unlink(file->temporary);
    n2_alloc_free(file->temporary);
    close_directory(file);
}
