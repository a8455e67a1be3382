#include "stage.h"

#include <stdlib.h>

/* The texts of a record are those that its description names: a new column needs no change here. */
static void fini_record(void *row, const struct galley_record *record) {
  for (size_t i = 0; i < record->n_fields; i++) {
    const struct galley_field *field = &record->fields[i];
    if (field->type == GALLEY_TEXT || field->type == GALLEY_JSON)
      free(*(char **)((char *)row + field->offset));
  }
}

static void fini_write(struct write_output *write) {
  fini_record(&write->post, &galley_post_record);
  for (size_t i = 0; i < write->n_socials; i++)
    fini_record(&write->socials[i], &galley_social_record);
}

void stage_output_fini(struct stage_output *output) {
  switch (output->stage) {
  case STAGE_COLLECT:
    feed_content_fini(&output->u.collect.content);
    fini_record(&output->u.collect.feed, &galley_feed_record);
    break;
  case STAGE_RESEARCH:
    free(output->u.research.markdown);
    free(output->u.research.citations);
    break;
  case STAGE_WRITE:
    fini_write(&output->u.write);
    break;
  case STAGE_PUBLISH:
    free(output->u.publish.file_path);
    free(output->u.publish.file_body);
    free(output->u.publish.remote_id);
    free(output->u.publish.remote_url);
    break;
  }
  *output = (struct stage_output){.stage = output->stage};
}
