/*
 * http_parse: what comes out of the parser must not depend on how its input was cut.
 * The first byte says which side and which caps, the second seeds the cuts; the rest is what the network brings.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "http/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct buf	out;		/* events and body bytes, in order */
	size_t		body;		/* bytes since the last event */
};

static void
on_data(void *arg, const char *bytes, size_t len)
{
	struct seen *s = arg;

	assert(len > 0);
	s->body += len;
	buf_add(&s->out, bytes, len);
}

static void
event(struct seen *s, const char *what, int n)
{
	buf_printf(&s->out, "<%zu %s %d>", s->body, what, n);
	s->body = 0;
}

static void
see_head(struct seen *s, const struct http_head *h)
{
	event(s, h->method != NULL ? h->method : "", h->status);
	event(s, h->target != NULL ? h->target : "", h->minor);
	event(s, "body", (int)h->body + h->keep_alive * 10 + h->expect_continue * 100 + h->has_length * 1000);
	event(s, "length", (int)h->length);
	for (size_t i = 0; i < h->nfields; i++) {
		event(s, h->fields[i].name, http_head_is_hop(h, h->fields[i].name));
		event(s, h->fields[i].value, 0);
		assert(http_is_token(h->fields[i].name) && http_is_value(h->fields[i].value));
	}
	if (h->method != NULL && h->target != NULL)
		assert(http_is_token(h->method) && (h->target[0] == '/' || h->target[0] == '*' || h->method[0] == 'C'));
}

static size_t
next_piece(uint32_t *seed, size_t left)
{
	size_t n;

	if (*seed == 0)
		return left;
	*seed = *seed * 1664525u + 1013904223u;
	n = *seed >> 29 == 0 ? (*seed >> 16) % 200 : 1 + (*seed >> 16) % 4;
	return n < left ? n : left;
}

static void
run(struct seen *s, uint8_t mode, uint32_t seed, const uint8_t *data, size_t size)
{
	struct http_parser *p = http_parser_new(mode & 1 ? HTTP_ANSWERS : HTTP_REQUESTS, mode & 4 ? 128 : 32768,
	    mode & 8 ? 32 : 8192, on_data, s);
	size_t at = 0, used;
	int got = HTTP_GOT_MORE;

	assert(p != NULL);
	http_parser_next(p, mode & 2);
	while (got >= 0 && (at < size || got != HTTP_GOT_MORE)) {
		size_t n = next_piece(&seed, size - at);
		char *copy = malloc(n + 1);

		assert(copy != NULL);
		memcpy(copy, data + at, n);
		got = http_parser_run(p, copy, n, &used);
		free(copy);
		assert(used <= n && (got != HTTP_GOT_MORE || used == n));
		at += used;
		if (got == HTTP_GOT_HEAD) {
			see_head(s, http_parser_head(p));
		} else if (got == HTTP_GOT_END) {
			event(s, "end", 0);
			http_parser_next(p, mode & 2);
			if (mode & 16)
				http_parser_trim(p);
		}
	}
	event(s, got < 0 ? http_parser_why(p) : "more", got < 0 ? http_parser_status(p) : http_parser_eof(p));
	http_parser_free(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = { BUF_INIT, 0 }, cut = { BUF_INIT, 0 };

	if (size < 2)
		return 0;
	run(&whole, data[0], 0, data + 2, size - 2);
	run(&cut, data[0], 1 + data[1], data + 2, size - 2);
	assert(whole.out.len == cut.out.len && memcmp(whole.out.data, cut.out.data, cut.out.len) == 0);
	buf_release(&whole.out);
	buf_release(&cut.out);
	return 0;
}

#include "../fuzz/replay.h"
