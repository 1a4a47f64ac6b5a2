/*
 * lines - outputs sent as they come, one JSON object a line (NDJSON).  Pure: whole lines go to `put`.
 * Texts of one stream that come before the next lines_flush() share a line, of at most about LINES_TEXT bytes; a display that may be
 * updated has its display_id, an update names it.  Without a limit (SIZE_MAX) everything goes out.  With one the beginning
 * goes out as it comes; of the rest the latest LINES_TAIL bytes (at most a quarter of the limit) are kept and go out at the end,
 * behind a text that says how many bytes were dropped between.  A bundle above max_bundle is dropped whole.
 */
#ifndef LINES_H
#define LINES_H

#include <stdint.h>

#include "bundle.h"

#define LINES_TEXT	65536
#define LINES_TAIL	65536

struct lines_conf {
	size_t	 max_bytes;	/* of outputs sent */
	size_t	 max_bundle;	/* bytes of one bundle */
	void	*arg;
	/* Whole lines, to be taken over or copied.  False: they were dropped, nobody takes so many. */
	bool	(*put)(void *arg, struct buf *lines);
};

struct lines;

struct lines *lines_new(const struct lines_conf *conf);	/* NULL: out of memory */
void	lines_free(struct lines **l);

void	lines_text(struct lines *l, enum outputs_stream name, const char *text, size_t len);
void	lines_bundle(struct lines *l, struct json content, bool is_result);
void	lines_update(struct lines *l, struct json content);
void	lines_clear(struct lines *l, bool wait);
void	lines_error(struct lines *l, struct buf *json);		/* taken over */

void	lines_flush(struct lines *l);
void	lines_end(struct lines *l);		/* what was kept for the end goes out as well */

uint64_t lines_dropped(const struct lines *l);	/* bytes */
bool	lines_failed(const struct lines *l);	/* memory was short: something is missing */

#endif
