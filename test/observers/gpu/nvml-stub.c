/*
 * Stand-in for libnvidia-ml.so.1: eight GPUs, and faults on demand. Structures as in the published nvml.h (API 13); the
 * assertions below hold their sizes and offsets.
 *
 * NVML_STUB_STATE names a text file that is read at every call, so that a test changes what happens next:
 *   count N               number of GPUs
 *   lost I                GPU I has fallen off the bus
 *   code FUNCTION C [I]   that function answers with code C (for GPU I only)
 *   hang FUNCTION [I]     that function does not return while the line is there
 *   value KEY V [I]       another value
 *   mig I N               GPU I is split into N MIG devices
 *   xid I C               driver error C on GPU I, each line once
 * Build with -DOLD for a library without the newer functions.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GPUS 8
#define MIGS 7
#define GIB (1024ull * 1024 * 1024)

typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char busId[32]; } pci_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory2_t;
typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned version, sensor; int temperature; } temperature_t;
typedef struct {
  unsigned id, scope; long long timestamp, latency; int type, result;
  union { double d; int si; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; } value;
} field_t;
typedef struct { unsigned pid; unsigned long long memory; unsigned gi, ci; } process_t;
typedef struct { int index, mig; } device_t;
typedef struct { device_t *device; unsigned long long type, data; unsigned gi, ci; } event_t;

_Static_assert(sizeof(pci_t) == 68 && offsetof(pci_t, busId) == 36, "nvmlPciInfo_t");
_Static_assert(sizeof(memory_t) == 24 && offsetof(memory_t, used) == 16, "nvmlMemory_t");
_Static_assert(sizeof(memory2_t) == 40 && offsetof(memory2_t, total) == 8 && offsetof(memory2_t, used) == 32, "nvmlMemory_v2_t");
_Static_assert(sizeof(utilization_t) == 8, "nvmlUtilization_t");
_Static_assert(sizeof(temperature_t) == 12 && offsetof(temperature_t, temperature) == 8, "nvmlTemperature_v1_t");
_Static_assert(sizeof(field_t) == 40 && offsetof(field_t, type) == 24 && offsetof(field_t, result) == 28 && offsetof(field_t, value) == 32, "nvmlFieldValue_t");
_Static_assert(sizeof(process_t) == 24 && offsetof(process_t, memory) == 8, "nvmlProcessInfo_t");
_Static_assert(sizeof(event_t) == 32 && offsetof(event_t, type) == 8 && offsetof(event_t, data) == 16, "nvmlEventData_t");

static device_t gpus[GPUS], migs[GPUS][MIGS];
static int initialized;

/* Finds the n-th line that begins with the words; its rest goes into `rest`. */
static int state_line(const char *words, int nth, char *rest, size_t size) {
  const char *path = getenv("NVML_STUB_STATE");
  if (!path) return 0;
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  char line[256];
  size_t length = strlen(words);
  int found = 0;
  while (!found && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, words, length) || (line[length] && line[length] != ' ')) continue;
    if (nth-- > 0) continue;
    snprintf(rest, size, "%s", line + length);
    found = 1;
  }
  fclose(file);
  return found;
}

static long long value(const char *key, int index, long long otherwise) {
  char words[64], rest[64];
  snprintf(words, sizeof words, "value %s", key);
  for (int n = 0; state_line(words, n, rest, sizeof rest); n++) {
    long long v;
    int i, got = sscanf(rest, "%lld %d", &v, &i);
    if (got == 1 || (got == 2 && i == index)) return v;
  }
  return otherwise;
}

/* What is asked of a function, whatever it does: 0 to go on. */
static int fault(const char *name, device_t *device) {
  char words[96], rest[64];
  int index = device ? device->index : -1;
  snprintf(words, sizeof words, "hang %s", name);
  for (;;) {
    int i, hangs = 0;
    for (int n = 0; state_line(words, n, rest, sizeof rest); n++)
      if (sscanf(rest, "%d", &i) != 1 || i == index) hangs = 1;
    if (!hangs) break;
    usleep(10000);
  }
  if (device)
    for (int n = 0; state_line("lost", n, rest, sizeof rest); n++)
      if (atoi(rest) == index) return 15;
  snprintf(words, sizeof words, "code %s", name);
  for (int n = 0; state_line(words, n, rest, sizeof rest); n++) {
    int code, i, got = sscanf(rest, "%d %d", &code, &i);
    if (got == 1 || (got == 2 && i == index)) return code;
  }
  return 0;
}

#define CHECK(name, device) \
  do { \
    int code_ = fault(name, device); \
    if (code_) return code_; \
    if (!initialized) return 1; \
  } while (0)

static int put_text(char *to, unsigned length, const char *text) {
  if (strlen(text) + 1 > length) return 7;
  strcpy(to, text);
  return 0;
}

int nvmlInit_v2(void) {
  int code = fault("init", NULL);
  if (code) return code;
  initialized = 1;
  for (int i = 0; i < GPUS; i++) {
    gpus[i] = (device_t){i, -1};
    for (int m = 0; m < MIGS; m++) migs[i][m] = (device_t){i, m};
  }
  return 0;
}
int nvmlInitWithFlags(unsigned flags) { (void)flags; return nvmlInit_v2(); }
int nvmlShutdown(void) { initialized = 0; return 0; }
int nvmlSystemGetDriverVersion(char *to, unsigned length) { CHECK("driver", NULL); return put_text(to, length, "580.65.06"); }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { CHECK("cuda", NULL); *version = 13010; return 0; }

static unsigned gpu_count(void) {
  char rest[64];
  return state_line("count", 0, rest, sizeof rest) ? (unsigned)atoi(rest) : GPUS;
}
int nvmlDeviceGetCount_v2(unsigned *count) { CHECK("count", NULL); *count = gpu_count(); return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t **device) {
  if (index >= gpu_count()) return 2;
  CHECK("handle", &gpus[index]);
  *device = &gpus[index];
  return 0;
}
int nvmlDeviceGetName(device_t *d, char *to, unsigned length) {
  CHECK("name", d);
  return put_text(to, length, d->mig < 0 ? "NVIDIA H100 80GB HBM3" : "NVIDIA H100 80GB HBM3 MIG 1g.10gb");
}
int nvmlDeviceGetUUID(device_t *d, char *to, unsigned length) {
  CHECK("uuid", d);
  char uuid[64];
  if (d->mig < 0) snprintf(uuid, sizeof uuid, "GPU-%08d-aaaa-bbbb-cccc-dddddddddddd", d->index);
  else snprintf(uuid, sizeof uuid, "MIG-%04d%04d-aaaa-bbbb-cccc-dddddddddddd", d->index, d->mig);
  return put_text(to, length, uuid);
}
int nvmlDeviceGetSerial(device_t *d, char *to, unsigned length) {
  CHECK("serial", d);
  char serial[16];
  snprintf(serial, sizeof serial, "16521230%05d", d->index);
  return put_text(to, length, serial);
}
int nvmlDeviceGetPciInfo_v3(device_t *d, pci_t *pci) {
  CHECK("pci", d);
  memset(pci, 0, sizeof *pci);
  pci->bus = 0x1a + d->index;
  snprintf(pci->legacy, sizeof pci->legacy, "0000:%02X:00.0", pci->bus);
  snprintf(pci->busId, sizeof pci->busId, "00000000:%02X:00.0", pci->bus);
  return 0;
}
static unsigned long long total(device_t *d) { return d->mig < 0 ? 80 * GIB : 10 * GIB; }
static unsigned long long used(device_t *d) {
  return value("memory", d->index, (d->mig < 0 ? d->index + 1 : 1) * GIB);
}
int nvmlDeviceGetMemoryInfo(device_t *d, memory_t *m) {
  CHECK("memory", d);
  *m = (memory_t){total(d), total(d) - used(d) - GIB / 2, used(d) + GIB / 2};
  return 0;
}
int nvmlDeviceGetUtilizationRates(device_t *d, utilization_t *u) {
  CHECK("utilization", d);
  if (d->mig >= 0) return 3;
  u->gpu = value("utilization", d->index, 10 * d->index + 5);
  u->memory = value("controller", d->index, 5 * d->index + 1);
  return 0;
}
int nvmlDeviceGetEncoderUtilization(device_t *d, unsigned *u, unsigned *period) { CHECK("encoder", d); *u = 3; *period = 1000; return 0; }
int nvmlDeviceGetDecoderUtilization(device_t *d, unsigned *u, unsigned *period) { CHECK("decoder", d); *u = 4; *period = 1000; return 0; }
int nvmlDeviceGetTemperature(device_t *d, unsigned sensor, unsigned *t) {
  CHECK("temperature", d);
  if (sensor != 0) return 2;
  *t = value("temperature", d->index, 40 + d->index);
  return 0;
}
int nvmlDeviceGetPowerUsage(device_t *d, unsigned *mw) { CHECK("power", d); *mw = value("power", d->index, 300000 + 1000 * d->index); return 0; }
int nvmlDeviceGetEnforcedPowerLimit(device_t *d, unsigned *mw) { CHECK("powerlimit", d); *mw = 700000; return 0; }
int nvmlDeviceGetTotalEnergyConsumption(device_t *d, unsigned long long *mj) {
  CHECK("energy", d);
  *mj = value("energy", d->index, 9007199254740999ll); /* 2^53 + 7 */
  return 0;
}
int nvmlDeviceGetClockInfo(device_t *d, unsigned type, unsigned *mhz) {
  CHECK("clock", d);
  static const unsigned base[] = {1500, 1600, 2600};
  if (type > 2) return 2;
  *mhz = base[type] + d->index;
  return 0;
}
static int clock_events(device_t *d, unsigned long long *mask) {
  CHECK("clockevents", d);
  *mask = value("clockevents", d->index, d->index == 2 ? 0x4 | 0x40 : 0x1);
  return 0;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(device_t *d, unsigned long long *mask) { return clock_events(d, mask); }
int nvmlDeviceGetFanSpeed(device_t *d, unsigned *percent) {
  CHECK("fan", d);
  if (d->index != 7) return 3; /* cooled passively */
  *percent = 55;
  return 0;
}
int nvmlDeviceGetTotalEccErrors(device_t *d, unsigned type, unsigned counter, unsigned long long *count) {
  CHECK("ecc", d);
  if (counter != 0) return 2;
  *count = type == 0 ? value("ecc.corrected", d->index, d->index) : value("ecc.uncorrected", d->index, d->index == 5 ? 2 : 0);
  return 0;
}
int nvmlDeviceGetRemappedRows(device_t *d, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
  CHECK("rows", d);
  *corrected = d->index;
  *uncorrected = 0;
  *pending = value("remap.pending", d->index, 0);
  *failed = value("remap.failed", d->index, 0);
  return 0;
}
int nvmlDeviceGetFieldValues(device_t *d, int n, field_t *fields) {
  CHECK("fields", d);
  for (int i = 0; i < n; i++) {
    field_t *f = &fields[i];
    f->result = 0;
    switch (f->id) {
      case 82: f->type = 1; f->value.ui = 50 + d->index; break;
      case 138: case 139: /* KiB, all links */
        if (f->scope != 0xffffffffu) { f->result = 2; break; }
        f->type = 3; f->value.ull = (f->id == 138 ? 1000 : 2000) + d->index; break;
      case 197: case 198: f->type = 3; f->value.ull = (f->id == 197 ? 3000000 : 4000000) + d->index; break;
      default: f->result = 3;
    }
  }
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(device_t *d, unsigned *count, process_t *processes) {
  CHECK("processes", d);
  if (*count < 2) { *count = 2; return 7; }
  *count = 2;
  processes[0] = (process_t){4242, GIB, 0xffffffff, 0xffffffff};
  processes[1] = (process_t){4243, ~0ull, 0xffffffff, 0xffffffff}; /* not available */
  return 0;
}
static int mig_count(int index) {
  char rest[64];
  for (int n = 0; state_line("mig", n, rest, sizeof rest); n++) {
    int i, count;
    if (sscanf(rest, "%d %d", &i, &count) == 2 && i == index) return count;
  }
  return 0;
}
int nvmlDeviceGetMigMode(device_t *d, unsigned *current, unsigned *pending) {
  CHECK("migmode", d);
  *current = *pending = mig_count(d->index) > 0;
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(device_t *d, unsigned *count) { CHECK("maxmig", d); *count = MIGS; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(device_t *d, unsigned index, device_t **mig) {
  CHECK("mighandle", d);
  if ((int)index >= mig_count(d->index)) return 6;
  *mig = &migs[d->index][index];
  return 0;
}
static unsigned long long registered[GPUS];
static int delivered;
int nvmlEventSetCreate(void **set) { CHECK("eventset", NULL); *set = registered; return 0; }
int nvmlEventSetFree(void *set) { (void)set; return 0; }
int nvmlDeviceRegisterEvents(device_t *d, unsigned long long types, void *set) {
  CHECK("register", d);
  if (set != registered) return 2;
  registered[d->index] |= types;
  return 0;
}
int nvmlEventSetWait_v2(void *set, event_t *event, unsigned timeout) {
  CHECK("wait", NULL);
  char rest[64];
  int index, xid;
  if (set != registered || timeout != 0) return 2;
  if (!state_line("xid", delivered, rest, sizeof rest) || sscanf(rest, "%d %d", &index, &xid) != 2) return 10;
  delivered++;
  if (!(registered[index] & 8)) return 10;
  *event = (event_t){&gpus[index], 8, xid, 0xffffffff, 0xffffffff};
  return 0;
}

#ifndef OLD
int nvmlDeviceGetMemoryInfo_v2(device_t *d, memory2_t *m) {
  CHECK("memory", d);
  if (m->version != (sizeof(memory2_t) | 2u << 24)) return 25;
  *m = (memory2_t){m->version, total(d), GIB / 2, total(d) - used(d) - GIB / 2, used(d)};
  return 0;
}
int nvmlDeviceGetTemperatureV(device_t *d, temperature_t *t) {
  CHECK("temperature", d);
  if (t->version != (sizeof(temperature_t) | 1u << 24)) return 25;
  if (t->sensor != 0) return 2;
  t->temperature = value("temperature", d->index, 40 + d->index);
  return 0;
}
int nvmlDeviceGetCurrentClocksEventReasons(device_t *d, unsigned long long *mask) { return clock_events(d, mask); }
#endif
