/* ONNX Runtime, loaded at run time and used without its header: functions are
 * called by their place in the runtime's table, which only ever grew. The places
 * were derived from the headers of API versions 12 to 29 and agree with the
 * static_asserts in the runtime. A library once opened stays for the life of
 * the process. Sessions may be run by any number of threads at once.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_ORT_H
#define BRINK_ORT_H

#include "base/buf.h"
#include "base/err.h"
#include "model/tensor.h"

enum { ORT_API_LEAST = 12 };

typedef struct Ort Ort;

/* Open the library (a path, or a name for the system's search). The same path gives the same Ort. NULL when it cannot be
 * loaded (ERR_IO), or is no ONNX Runtime or older than 1.12 (ERR_UNSUPPORTED). */
Ort *ort_open(const char *path, Err *err);
const char *ort_version(const Ort *ort); /* "1.16.3" */
const char *ort_path(const Ort *ort);    /* as given */
/* Names of the execution providers in this build, one a line. */
bool ort_providers(const Ort *ort, Buf *out, Err *err);

typedef struct SessionValue {
  char *name;      /* owned */
  TensorType type; /* TENSOR_NONE: nothing we can hold (text, sequence, map) */
  int rank;
  int64_t dim[TENSOR_RANK_MAX]; /* -1: free */
} SessionValue;

typedef struct Session {
  Ort *ort;
  void *handle;   /* the runtime's session */
  int n_in, n_out;
  SessionValue *in, *out;
  Buf notes;      /* what was asked for and could not be had, one sentence a line */
  Buf provider;   /* the providers in use, one a line */
  double timeout; /* seconds for one run; 0: no limit */
} Session;

typedef struct SessionOptions {
  const char *path;     /* the file; or NULL and */
  const void *data;     /* its bytes, which may go away afterwards */
  size_t n;
  const char *label;    /* how errors name the model */
  int intra_op;         /* threads of one run, >= 1 */
  int optimize;         /* 0, 1, 2 or 99 */
  const char *const *provider; /* short or long names, best first; CPU comes last by itself */
  int n_provider;
  double timeout;       /* seconds for one run; 0: no limit */
} SessionOptions;

/* ERR_MODEL with the runtime's words when it refuses the model. */
Session *session_new(Ort *ort, const SessionOptions *options, Err *err);
void session_free(Session *s); /* NULL-safe */
/* One run, told to stop when its time is over (ERR_MODEL); the runtime looks at that between two operators. in: one tensor per input, in the session's order; out gets one reference per output. Thread-safe. */
bool session_run(const Session *s, Tensor *const *in, Tensor **out, Err *err);

#endif
