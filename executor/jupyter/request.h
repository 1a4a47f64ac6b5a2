/* request - the bodies of POST /execute, /complete, /inspect, /is_complete and /stdin, checked member by member.  Pure. */
#ifndef REQUEST_H
#define REQUEST_H

#include "runner.h"

struct request_limits {
	int64_t	timeout_ms;		/* default, and what a longer one is cut to */
	size_t	default_bytes, max_bytes;	/* of outputs: default, and what more is cut to */
};

/*
 * 0; -EINVAL with a sentence in why that names the member; -ENOMEM.  Unknown members are ignored.  The spec's bufs are the
 * caller's to release, also after a failure; its callbacks are left alone, and on_lines says whether it is to be a stream.
 */
int	request_parse(const char *body, size_t len, const struct request_limits *limits, struct cell_spec *spec,
	    struct buf *why);

enum question { ASK_COMPLETE, ASK_INSPECT, ASK_IS_COMPLETE };

/* Content of the message that asks the kernel, appended to content; results as above. */
int	request_parse_question(const char *body, size_t len, enum question what, struct buf *content, struct buf *why);
/* A line for input(), without its newline, or the input's end; results as above. */
int	request_parse_input(const char *body, size_t len, struct buf *line, bool *ret_eof, struct buf *why);

#endif
