/* ONNX Runtime: finding one's way into the library. SPDX-License-Identifier: MIT */
#include "model/ort.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/ort_api.h"

typedef struct OrtBase {
  const void *(*get_api)(uint32_t version);
  const char *(*get_version)(void);
} OrtBase;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Ort *opened; /* never closed: its threads and exit handlers may still run */

/* What a text says behind the runtime's own "/source/file.h:46 type function(arguments) [with ...]". */
static const char *message(const char *text) {
  const char *p = text;
  if (*p != '/' || !(p = strchr(p, '(')) || p > text + 1000) return text;
  for (int depth = 0; *p; p++) {
    if (*p == '(') depth++;
    else if (*p == ')' && --depth == 0) break;
  }
  if (!*p++) return text;
  if (!strncmp(p, " const", 6)) p += 6;
  if (!strncmp(p, " [with ", 7)) {
    const char *end = strchr(p, ']');
    if (end) p = end + 1;
  }
  while (*p == ' ' || *p == '\n') p++;
  return *p ? p : text;
}

bool ort_ok(const Ort *ort, OrtStatus *status, const char *label, Err *err) {
  if (!status) return true;
  const char *text = ((const char *(*)(const OrtStatus *))ort->api[GET_ERROR_MESSAGE])(status);
  char line[400]; /* one line for the person: the runtime's texts have line ends and its own source positions */
  size_t n = 0;
  for (const char *p = text ? message(text) : "no reason given"; *p && n + 1 < sizeof line; p++) {
    char c = *p == '\n' || *p == '\t' ? ' ' : *p;
    if (c == ' ' && n && line[n - 1] == ' ') continue;
    line[n++] = c;
  }
  while (n && line[n - 1] == ' ') n--;
  line[n] = 0;
  err_set(err, ERR_MODEL, "%s: %s", label, line);
  ORT_VOID(ort, RELEASE_STATUS, (OrtStatus *))(status);
  return false;
}

static bool start(Ort *ort, const OrtBase *base, Err *err) {
  const char *version = base->get_version();
  if (!(ort->version = mem_strdup(version ? version : "?"))) return err_memory(err);
  ort->minor = !strncmp(ort->version, "1.", 2) ? atoi(ort->version + 2) : -1;
  if (ort->minor < ORT_API_LEAST)
    return err_set(err, ERR_UNSUPPORTED, "%s: ONNX Runtime %s, 1.%d or a later 1.x expected", ort->path, ort->version, (int)ORT_API_LEAST);
  if (!(ort->api = base->get_api(ORT_API_LEAST))) return err_set(err, ERR_UNSUPPORTED, "%s: ONNX Runtime %s has no API version %d", ort->path, ort->version, (int)ORT_API_LEAST);
  /* severity 4: fatal only; errors come back as values */
  return ort_ok(ort, ORT_CALL(ort, CREATE_ENV, (int, const char *, void **))(4, "brink", &ort->env), ort->path, err) &&
         ort_ok(ort, ORT_CALL(ort, CREATE_CPU_MEMORY_INFO, (int, int, void **))(1, 0, &ort->cpu), ort->path, err) &&
         ort_ok(ort, ORT_CALL(ort, DEFAULT_ALLOCATOR, (void **))(&ort->allocator), ort->path, err);
}

static Ort *load(const char *path, Err *err) {
  Ort *ort = mem_calloc(1, sizeof *ort);
  if (!ort || !(ort->path = mem_strdup(path))) {
    mem_free(ort);
    return err_memory(err), NULL;
  }
  const OrtBase *(*get)(void) = NULL;
  if (!(ort->lib = dlopen(path, RTLD_NOW | RTLD_LOCAL))) {
    const char *why = dlerror();
    err_set(err, ERR_IO, "%s", why ? why : path);
  } else {
    void *symbol = dlsym(ort->lib, "OrtGetApiBase");
    memcpy(&get, &symbol, sizeof get);
    if (!get) err_set(err, ERR_UNSUPPORTED, "%s: not ONNX Runtime (no OrtGetApiBase)", path);
    else if (start(ort, get(), err)) return ort;
  }
  if (ort->lib && !get) dlclose(ort->lib);
  mem_free(ort->version);
  mem_free(ort->path);
  mem_free(ort);
  return NULL;
}

Ort *ort_open(const char *path, Err *err) {
  pthread_mutex_lock(&lock);
  Ort *ort = opened;
  while (ort && strcmp(ort->path, path)) ort = ort->next;
  if (!ort && (ort = load(path, err))) {
    ort->next = opened;
    opened = ort;
  }
  pthread_mutex_unlock(&lock);
  return ort;
}

const char *ort_version(const Ort *ort) { return ort->version; }
const char *ort_path(const Ort *ort) { return ort->path; }

bool ort_providers(const Ort *ort, Buf *out, Err *err) {
  char **name = NULL;
  int n = 0;
  if (!ort_ok(ort, ORT_CALL(ort, AVAILABLE_PROVIDERS, (char ***, int *))(&name, &n), ort->path, err)) return false;
  for (int i = 0; i < n; i++) buf_printf(out, "%s\n", name[i]);
  ort_ok(ort, ORT_CALL(ort, RELEASE_AVAILABLE_PROVIDERS, (char **, int))(name, n), ort->path, NULL);
  return !out->failed || err_memory(err);
}
