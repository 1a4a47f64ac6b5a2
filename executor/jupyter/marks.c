/* marks - the order of what arrives on two ways; see marks.h. */
#include <string.h>

#include "marks.h"

#define DIGITS_MAX 20

void
marks_init(struct marks *m, const char *token)
{
	m->start[0] = '\0';
	m->len = 1 + (size_t)snprintf(m->start + 1, sizeof m->start - 1, "mark-%.32s-", token);
	m->seen = 0;
}

/* Bytes at the end of text that may be the beginning of a mark. */
static size_t
begun(const struct marks *m, const char *text, size_t len)
{
	size_t n = len < m->len - 1 ? len : m->len - 1;

	for (; n > 0; n--)
		if (memcmp(text + len - n, m->start, n) == 0)
			return n;
	return 0;
}

/* The number behind a mark's start.  1: *ret_used bytes with its NUL; 0: not all there yet; -1: no mark. */
static int
number(const char *p, size_t len, uint64_t *ret, size_t *ret_used)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < len && i < DIGITS_MAX && p[i] >= '0' && p[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(p[i] - '0');
	if (i == len && i < DIGITS_MAX)
		return 0;
	if (i == 0 || i == DIGITS_MAX || p[i] != '\0')
		return -1;
	*ret = v;
	*ret_used = i + 1;
	return 1;
}

/* Pass text on up to where it must be held; returns the bytes done with. */
static size_t
pass(const struct marks *m, struct marks_pipe *p, const char *bytes, size_t len,
    void (*emit)(void *arg, const char *bytes, size_t len), void *arg)
{
	size_t at = 0, used, end;
	const char *mark;
	uint64_t n;
	int r;

	p->waiting = 0;
	while (m->len > 0 && at < len && (mark = memmem(bytes + at, len - at, m->start, m->len)) != NULL) {
		end = (size_t)(mark - bytes);
		r = number(mark + m->len, len - end - m->len, &n, &used);
		if (end > at)
			emit(arg, bytes + at, end - at);
		at = end;
		if (r == 0)
			return at;
		if (r < 0) {
			emit(arg, bytes + at, m->len);
			at += m->len;
		} else if (n > m->seen) {
			p->waiting = n;
			return at;
		} else
			at += m->len + used;
	}
	end = len - (m->len > 0 ? begun(m, bytes + at, len - at) : 0);
	if (end > at)
		emit(arg, bytes + at, end - at);
	return end;
}

void
marks_feed(const struct marks *m, struct marks_pipe *p, const char *bytes, size_t len,
    void (*emit)(void *arg, const char *bytes, size_t len), void *arg)
{
	struct buf all = p->held;
	size_t done;

	p->held = (struct buf)BUF_INIT;
	if (all.len == 0) {
		done = pass(m, p, bytes, len, emit, arg);
		buf_add(&p->held, bytes + done, len - done);
	} else {
		buf_add(&all, bytes, len);
		done = pass(m, p, all.data, all.len, emit, arg);
		buf_add(&p->held, all.data + done, all.len - done);
	}
	buf_release(&all);
}

void
marks_end(const struct marks *m, struct marks_pipe *p, void (*emit)(void *arg, const char *bytes, size_t len), void *arg)
{
	struct marks past = *m;

	past.seen = UINT64_MAX;
	marks_feed(&past, p, NULL, 0, emit, arg);
	if (p->held.len > 0)
		emit(arg, p->held.data, p->held.len);
	buf_release(&p->held);
	p->waiting = 0;
}
