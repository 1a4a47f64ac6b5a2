/*
 * items - what a cell has produced, kept for the array of one answer.  Pure: no sockets, no clock.
 * Neighbouring texts of one stream are one item; update_display_data and clear_output are applied.  Kept are at most max_bytes
 * (text, and the JSON text of bundles) in at most ITEMS_MAX items: beyond that the first half and the latest are kept, what
 * lies between is dropped and counted, and a line in the stream says so.  A bundle too large for what is left is dropped
 * whole; the last error is always kept.
 */
#ifndef ITEMS_H
#define ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "bundle.h"

#define ITEMS_MAX 65536		/* an item costs memory beyond its text */

struct items;

struct items *items_new(size_t max_bytes);	/* NULL: out of memory */
struct items *items_new_tail(size_t max_bytes);	/* no first half is kept, only the latest max_bytes */
void	items_free(struct items **o);

void	items_text(struct items *o, enum outputs_stream name, const char *text, size_t len);
void	items_bundle(struct items *o, struct json content, bool is_result);
void	items_update(struct items *o, struct json content);
void	items_clear(struct items *o, bool wait);
void	items_error(struct items *o, struct buf *json);		/* taken over */

/* The JSON array. */
void	items_format(const struct items *o, struct buf *out);

uint64_t items_dropped(const struct items *o);	/* bytes */
bool	items_failed(const struct items *o);	/* memory was short: something is missing */

#endif
