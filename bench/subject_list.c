#include "subject.h"

const struct subject *const subject_list[] = {&subject_galley, &subject_raw, &subject_connect,
                                              &subject_told, NULL};
