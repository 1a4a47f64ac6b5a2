/*
 * stream - one streaming answer: lines as they come, a keepalive where none come, and word of a reader that is slow.
 * The request is the stream's: from stream_new() until stream_end() or stream_drop() nobody else answers it or hears of it.
 * Its head (200, application/x-ndjson) goes with the first line, so that a refusal before has its own status.  What the client
 * does not take is kept: above STREAM_FULL bytes on_full(true) asks for a pause, below STREAM_ROOM on_full(false) ends it; who
 * cannot pause loses what comes above STREAM_MAX.  A client that takes nothing is cut by the server's write deadline.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "http/http_server.h"

#define STREAM_TYPE	"application/x-ndjson"
#define STREAM_FULL	(1u << 20)
#define STREAM_ROOM	(256u << 10)
#define STREAM_MAX	(64u << 20)
#define STREAM_KEEPALIVE_MS 5000	/* without a line this long: {"type":"keepalive"} */

struct stream;

struct stream_conf {
	uv_loop_t	*loop;
	struct http_req	*req;
	void		*arg;
	void		(*on_full)(void *arg, bool full);
	void		(*on_gone)(void *arg);		/* the client has left; the stream is gone */
};

/* Does this request ask for one?  Its Accept names application/x-ndjson, and not application/json before it. */
bool	stream_is_wanted(const struct http_head *head);

struct stream *stream_new(const struct stream_conf *conf);	/* NULL: out of memory, the request is the caller's still */
void	stream_start(struct stream *s);		/* keepalives from now on */
/* Lines, taken over or copied; *lines is left in a state to be reset.  False: dropped, too much waits already. */
bool	stream_put(struct stream *s, struct buf *lines);
/* This is the last line: nothing is called any more, what waits still goes out. */
void	stream_end(struct stream **s, struct buf *last);
/* The caller answers in its place; only before the first line. */
void	stream_drop(struct stream **s);

#endif
