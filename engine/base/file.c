/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

static atomic_uint_least64_t calls, fail_at;
static atomic_int fail_error;

void file_fail_at(uint64_t k, int error) {
  atomic_store(&calls, 0);
  atomic_store(&fail_error, error);
  atomic_store(&fail_at, k);
}

/* Every system call of this layer asks here first. */
static bool refuse(void) {
  uint64_t k = atomic_load(&fail_at);
  if (!k || atomic_fetch_add(&calls, 1) + 1 != k) return false;
  errno = atomic_load(&fail_error);
  return true;
}

static int open_retry(const char *path, int flags, mode_t mode) {
  int fd;
  if (refuse()) return -1;
  do fd = open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

bool file_info(const char *path, FileInfo *info, Err *err) {
  struct stat st;
  *info = (FileInfo){.type = FILE_MISSING};
  if (refuse() || stat(path, &st)) return errno == ENOENT || errno == ENOTDIR ? true : err_errno(err, path, "look at it");
  info->type = S_ISREG(st.st_mode) ? FILE_REGULAR : S_ISDIR(st.st_mode) ? FILE_DIR : FILE_OTHER;
  info->size = (uint64_t)st.st_size;
  info->dev = st.st_dev;
  info->ino = st.st_ino;
  return true;
}

static const char *kind(mode_t m) {
  return S_ISDIR(m) ? "a folder" : S_ISFIFO(m) ? "a pipe" : S_ISSOCK(m) ? "a socket" : "a device";
}

static bool read_all(int fd, const char *path, uint64_t limit, Buf *out, Err *err) {
  struct stat st;
  if (fstat(fd, &st)) return err_errno(err, path, "look at it");
  if (!S_ISREG(st.st_mode)) return err_set(err, ERR_IO, "%s: %s, a regular file is expected", path, kind(st.st_mode));
  if ((uint64_t)st.st_size > limit)
    return err_set(err, ERR_LIMIT, "%s: %lld bytes, the limit is %llu", path, (long long)st.st_size, (unsigned long long)limit);
  if (!buf_reserve(out, (size_t)st.st_size)) return err_memory(err);
  size_t start = out->n;
  for (;;) { /* the file may have grown or shrunk since */
    if (!buf_reserve(out, 4096)) return err_memory(err);
    ssize_t n = refuse() ? -1 : read(fd, out->data + out->n, out->cap - out->n - 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err_errno(err, path, "read it");
    if (n == 0) break;
    out->n += (size_t)n;
    if (out->n - start > limit) return err_set(err, ERR_LIMIT, "%s: larger than the limit of %llu bytes", path, (unsigned long long)limit);
  }
  out->data[out->n] = 0;
  return true;
}

bool file_read(const char *path, uint64_t limit, Buf *out, Err *err) {
  int fd = open_retry(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return err_errno(err, path, "open it");
  size_t before = out->n;
  bool ok = read_all(fd, path, limit, out, err);
  if (!ok) out->n = before;
  close(fd);
  return ok;
}

static bool write_all(int fd, const uint8_t *data, size_t n, const char *path, Err *err) {
  while (n) {
    ssize_t k = refuse() ? -1 : write(fd, data, n);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return err_errno(err, path, "write it");
    data += k;
    n -= (size_t)k;
  }
  return true;
}

/* The folder part of path, "." when there is none. mem_free it. */
static char *folder_of(const char *path) {
  char *dir = mem_strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;
  if (!dir) return NULL;
  if (!slash) {
    mem_free(dir);
    return mem_strdup(".");
  }
  slash[slash == dir] = 0; /* "/x" lives in "/" */
  return dir;
}

static bool sync_folder(const char *path, Err *err) {
  char *dir = folder_of(path);
  if (!dir) return err_memory(err);
  int fd = open_retry(dir, O_RDONLY | O_DIRECTORY, 0);
  bool ok = fd >= 0 && !refuse() && fsync(fd) == 0;
  if (!ok) err_errno(err, dir, "sync it");
  if (fd >= 0) close(fd);
  mem_free(dir);
  return ok;
}

static bool fill(int fd, const char *path, const void *data, size_t n, bool durable, Err *err) {
  if (!write_all(fd, data, n, path, err)) return false;
  return !durable || (!refuse() && fsync(fd) == 0) ? true : err_errno(err, path, "sync it");
}

/* A file without a name, so that a killed run leaves nothing behind; -1 and errno where the system has none. */
static int open_unnamed(const char *path) {
  char *dir = folder_of(path);
  if (!dir) return errno = ENOMEM, -1;
  int fd = open_retry(dir, O_TMPFILE | O_WRONLY, 0666);
  int e = errno;
  mem_free(dir);
  return errno = e, fd;
}

/* Name the file behind fd and move it over path. Between the two calls it is called tmp; who finds one there, left by
 * a run killed at that very point or by another writer, takes its place. */
static bool put_in_place(int fd, const char *tmp, const char *path, Err *err) {
  char self[32];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  for (int tries = 0; tries < 100; tries++) {
    if (refuse()) break;
    if (linkat(AT_FDCWD, self, AT_FDCWD, tmp, AT_SYMLINK_FOLLOW) == 0) {
      if (!refuse() && rename(tmp, path) == 0) return true;
      if (errno == ENOENT) continue;
      int e = errno;
      unlink(tmp);
      errno = e;
      break;
    }
    if (errno != EEXIST || (unlink(tmp) && errno != ENOENT)) break;
  }
  return err_errno(err, path, "put it in place");
}

static bool write_unnamed(int fd, const char *tmp, const char *path, const void *data, size_t n, bool durable, Err *err) {
  bool ok = fill(fd, path, data, n, durable, err) && put_in_place(fd, tmp, path, err);
  if (close(fd) && ok) ok = err_errno(err, path, "close it");
  return ok;
}

/* Where files without a name are not to be had. */
static bool write_named(const char *tmp, const char *path, const void *data, size_t n, bool durable, Err *err) {
  int fd = open_retry(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666);
  if (fd < 0) return err_errno(err, path, "make it");
  bool ok = fill(fd, path, data, n, durable, err);
  if (close(fd) && ok) ok = err_errno(err, path, "close it");
  if (ok && (refuse() || rename(tmp, path))) ok = err_errno(err, path, "put it in place");
  if (!ok) unlink(tmp);
  return ok;
}

/* A device or pipe, which is written to; all else is replaced as a whole. /dev/stdout may lead to a plain file. */
static bool is_special(const char *path) {
  struct stat st;
  if (strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0) return true;
  return stat(path, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISFIFO(st.st_mode));
}

static bool write_special(const char *path, const void *data, size_t n, Err *err) {
  int fd = open_retry(path, O_WRONLY, 0);
  if (fd < 0) return err_errno(err, path, "open it");
  bool ok = write_all(fd, data, n, path, err);
  if (close(fd) && ok) ok = err_errno(err, path, "close it");
  return ok;
}

bool file_write(const char *path, const void *data, size_t n, bool durable, Err *err) {
  if (is_special(path)) return write_special(path, data, n, err);
  Buf tmp; /* hidden, the same for the same path, and short even beside a name of 255 bytes */
  buf_init(&tmp);
  char *dir = folder_of(path);
  bool named = dir && buf_printf(&tmp, "%s/.%016llx.part", dir, (unsigned long long)hash_bytes(path, strlen(path)).lo);
  mem_free(dir);
  if (!named) return buf_clear(&tmp), err_memory(err);
  int fd = open_unnamed(path);
  bool ok;
  if (fd >= 0) ok = write_unnamed(fd, (char *)tmp.data, path, data, n, durable, err);
  else if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) ok = write_named((char *)tmp.data, path, data, n, durable, err);
  else ok = err_errno(err, path, "make it");
  buf_clear(&tmp);
  return ok && (!durable || sync_folder(path, err));
}

bool file_mkdirs(const char *path, Err *err) {
  char *p = mem_strdup(path);
  if (!p) return err_memory(err);
  bool ok = true;
  for (char *s = p + 1; ok; s++) {
    char was = *s;
    if (was && was != '/') continue;
    *s = 0;
    struct stat st;
    if (*p && (refuse() || mkdir(p, 0777)) && !(errno == EEXIST && stat(p, &st) == 0 && S_ISDIR(st.st_mode)))
      ok = err_errno(err, p, "make the folder");
    *s = was;
    if (!was) break;
  }
  mem_free(p);
  return ok;
}

bool file_private(const char *path, Err *err) {
  struct stat st;
  if ((refuse() || mkdir(path, 0700)) && errno != EEXIST) return err_errno(err, path, "make the folder");
  if (lstat(path, &st)) return err_errno(err, path, "look at it");
  if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) return err_set(err, ERR_IO, "%s: not a folder of this user", path);
  if (st.st_mode & 022) return err_set(err, ERR_IO, "%s: others may write there", path);
  return true;
}

bool file_sync(const char *path, Err *err) {
  int fd = open_retry(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return err_errno(err, path, "open it");
  bool ok = !refuse() && fsync(fd) == 0;
  if (!ok) err_errno(err, path, "sync it");
  close(fd);
  return ok;
}

bool file_truncate(const char *path, uint64_t n, Err *err) {
  int fd = open_retry(path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return err_errno(err, path, "open it");
  bool ok = !refuse() && ftruncate(fd, (off_t)n) == 0;
  if (!ok) err_errno(err, path, "cut it");
  else if (refuse() || fsync(fd)) ok = err_errno(err, path, "sync it");
  close(fd);
  return ok;
}

typedef struct Names { char **name; size_t n, cap; } Names;

static bool names_add(Names *l, const char *s) {
  if (l->n == l->cap) {
    size_t cap = l->cap ? l->cap * 2 : 64;
    char **name = mem_realloc(l->name, cap, sizeof *name);
    if (!name) return false;
    l->name = name;
    l->cap = cap;
  }
  return (l->name[l->n] = mem_strdup(s)) ? l->n++, true : false;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool names_read(DIR *d, const char *dir, Names *l, Err *err) {
  struct dirent *e;
  for (errno = 0; (e = refuse() ? NULL : readdir(d)); errno = 0)
    if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && !names_add(l, e->d_name)) return err_memory(err);
  return errno ? err_errno(err, dir, "list it") : true;
}

bool file_list(const char *dir, FileVisit visit, void *data, Err *err) {
  DIR *d = refuse() ? NULL : opendir(dir);
  if (!d) return err_errno(err, dir, "list it");
  Names l = {0};
  bool ok = names_read(d, dir, &l, err);
  closedir(d);
  if (ok && l.n) qsort(l.name, l.n, sizeof *l.name, by_bytes);
  for (size_t i = 0; ok && i < l.n; i++)
    if (!visit(data, l.name[i])) break;
  for (size_t i = 0; i < l.n; i++) mem_free(l.name[i]);
  mem_free(l.name);
  return ok;
}

struct Appender {
  int fd;
  char *path;
};

Appender *appender_open(const char *path, Err *err) {
  Appender *a = mem_alloc(1, sizeof *a);
  char *own = a ? mem_strdup(path) : NULL;
  if (!own) {
    mem_free(a);
    return err_memory(err), NULL;
  }
  *a = (Appender){open_retry(path, O_WRONLY | O_CREAT | O_APPEND, 0666), own};
  if (a->fd < 0) {
    err_errno(err, path, "open it for appending");
    mem_free(own);
    mem_free(a);
    return NULL;
  }
  return a;
}

bool appender_write(Appender *a, const void *data, size_t n, Err *err) { return write_all(a->fd, data, n, a->path, err); }

bool appender_sync(Appender *a, Err *err) {
  return !refuse() && fdatasync(a->fd) == 0 ? true : err_errno(err, a->path, "sync it");
}

bool appender_close(Appender *a, Err *err) {
  if (!a) return true;
  bool ok = close(a->fd) == 0 || err_errno(err, a->path, "close it");
  mem_free(a->path);
  mem_free(a);
  return ok;
}
