/*
 * json_filter - a jq program over JSON text, for the commands' --filter.
 * The only module that includes libjq's headers.  libjq ends the process when memory is gone and, before 1.7, rounds
 * integers beyond 2^53: it is for what people look at, never for what a daemon passes on.
 */
#ifndef JSON_FILTER_H
#define JSON_FILTER_H

#include <stddef.h>

#include "buf.h"

struct json_filter;

/* 0; -EINVAL: not a jq program, what is wrong with it appended to why; -ENOMEM. */
int	json_filter_new(const char *program, struct json_filter **ret, struct buf *why);
void	json_filter_free(struct json_filter **f);
/*
 * Run it on one JSON text; each result is appended to out as a line, a string as it is, all else as compact JSON.
 * 0; -EINVAL: the text is no JSON or the program failed on it, why appended (results before that are in out); -ENOMEM.
 */
int	json_filter_run(struct json_filter *f, const char *text, size_t len, struct buf *out, struct buf *why);

#endif
