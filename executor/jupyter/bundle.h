/*
 * bundle - the JSON of single outputs: mime bundles as the kernel sent them, byte for byte, and the beginning of a text.
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include "base/buf.h"
#include "base/json.h"

enum outputs_stream { OUTPUTS_STDOUT, OUTPUTS_STDERR, OUTPUTS_STREAMS };

/* The members data and metadata of an output, from the content of display_data, execute_result or update_display_data. */
void	bundle_format(struct json content, struct buf *out);
/* Its display id, to be freed; NULL: it has none, or out of memory. */
char	*bundle_display_id(struct json content);
/* A stream item up to the text's opening quote; json_escape() and "} follow. */
void	bundle_open_text(struct buf *out, enum outputs_stream name);

#endif
