#include "doctor.h"
#include "fold.h"
#include "output.h"

#include <stdarg.h>

#define DETAIL_COLUMN 19 /* what stands before it: "warn  permissions  " */

static const char *const words[DOCTOR_N_STATUSES] = {
    [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail"};
static const char *const colours[DOCTOR_N_STATUSES] = {
    [DOCTOR_OK] = "\033[32m", [DOCTOR_WARN] = "\033[33m", [DOCTOR_FAIL] = "\033[31m"};

static void print_json(const char *check, enum doctor_status status, const char *detail,
                       const char *cure) {
  struct output_json json = {.file = stdout};
  output_json_open(&json, NULL, '{');
  output_json_text(&json, "check", check);
  output_json_text(&json, "status", words[status]);
  output_json_text(&json, "detail", detail);
  output_json_text(&json, "cure", cure);
  output_json_end(&json);
}

static void print_lines(const char *check, enum doctor_status status, const char *detail,
                        const char *cure) {
  bool colour = output_colour(stdout);
  const struct fold fold = {
      .width = output_columns(), .start = DETAIL_COLUMN, .indent = DETAIL_COLUMN};
  printf("%s%-4s%s  %-11s  ", colour ? colours[status] : "", words[status], colour ? "\033[0m" : "",
         check);
  fold_text(stdout, &fold, detail);
  if (!cure)
    return;
  printf("%*s", DETAIL_COLUMN, "");
  fold_text(stdout, &fold, cure);
}

void doctor_report_finding(struct doctor *doctor, const char *check, enum doctor_status status,
                           const char *cure, const char *format, ...) {
  char detail[DOCTOR_TEXT_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(detail, sizeof detail, format, args);
  va_end(args);
  doctor->n[status]++;
  if (doctor->session->json)
    print_json(check, status, detail, cure);
  else
    print_lines(check, status, detail, cure);
}
