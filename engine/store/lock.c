/* SPDX-License-Identifier: MIT */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

struct Lock {
  int fd;
  char path[]; /* of the lock file */
};

enum { OWNER_MAX = 128 };

static void name_owner(char who[OWNER_MAX]) {
  char host[65] = "";
  gethostname(host, sizeof host - 1);
  snprintf(who, OWNER_MAX, "process %ld on %s", (long)getpid(), host);
}

static bool fail_owned(const Lock *k, const char *path, Err *err) {
  char who[OWNER_MAX], self[OWNER_MAX];
  name_owner(self);
  ssize_t n = pread(k->fd, who, sizeof who - 1, 0);
  who[n > 0 ? n : 0] = 0;
  who[strcspn(who, "\n")] = 0;
  if (strcmp(who, self) == 0) return err_set(err, ERR_LOCKED, "%s: this process still holds it; study:close() lets go", path);
  return err_set(err, ERR_LOCKED, "%s: in use by %s", path, *who ? who : "another process");
}

/* false with ERR_NONE: the file was replaced under us, try again */
static bool try_lock(Lock *k, const char *path, Err *err) {
  struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  struct stat mine, named;
  k->fd = open(k->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (k->fd < 0) return err_errno(err, k->path, "create");
  if (fcntl(k->fd, F_OFD_SETLK, &all) < 0) {
    if (errno == EAGAIN || errno == EACCES) return fail_owned(k, path, err);
    return err_errno(err, k->path, "lock");
  }
  if (fstat(k->fd, &mine) == 0 && stat(k->path, &named) == 0 && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev) return true;
  return err_set(err, ERR_NONE, "%s", "");
}

static bool write_owner(const Lock *k, Err *err) {
  char who[OWNER_MAX + 1];
  name_owner(who);
  size_t n = strlen(who);
  who[n++] = '\n';
  if (ftruncate(k->fd, 0) == 0 && pwrite(k->fd, who, n, 0) == (ssize_t)n) return true;
  return err_errno(err, k->path, "write");
}

Lock *lock_take(const char *path, Err *err) {
  size_t n = strlen(path);
  Lock *k = mem_alloc(1, sizeof *k + n + 6);
  if (!k) return err_memory(err), NULL;
  memcpy(k->path, path, n);
  memcpy(k->path + n, "-lock", 6);
  Err why = {0};
  bool locked;
  while (!(locked = try_lock(k, path, &why)) && why.code == ERR_NONE) close(k->fd);
  if (locked && write_owner(k, &why)) return k;
  if (err) *err = why;
  if (k->fd >= 0) close(k->fd);
  mem_free(k);
  return NULL;
}

void lock_release(Lock *k) {
  if (!k) return;
  unlink(k->path); /* before the lock goes: whoever opened it meanwhile sees that the name is gone */
  close(k->fd);
  mem_free(k);
}
