/* ansi - takes terminal control sequences out of a text; see ansi.h. */
#include <stdbool.h>
#include <string.h>

#include "ansi.h"

#define ESC 0x1b

/* Does byte c continue what is held?  *ret_done: it ends the sequence. */
static bool
continues(const struct ansi *a, unsigned char c, bool *ret_done)
{
	*ret_done = false;
	if (a->n == 1)
		return c == '[';
	if (a->n == sizeof a->held)
		return false;
	*ret_done = c >= 0x40 && c <= 0x7e;
	return *ret_done || (c >= 0x20 && c <= 0x3f);
}

void
ansi_feed(struct ansi *a, const char *text, size_t len, void (*emit)(void *arg, const char *text, size_t len), void *arg)
{
	const char *p = text, *end = text + len, *esc;
	bool done;

	while (p < end) {
		if (a->n == 0) {
			esc = memchr(p, ESC, (size_t)(end - p));
			if (!esc) {
				emit(arg, p, (size_t)(end - p));
				return;
			}
			if (esc > p)
				emit(arg, p, (size_t)(esc - p));
			a->held[a->n++] = ESC;
			p = esc + 1;
		} else if (!continues(a, (unsigned char)*p, &done)) {
			ansi_end(a, emit, arg);		/* *p is looked at again: it may be an ESC */
		} else if (done) {
			a->n = 0;
			p++;
		} else
			a->held[a->n++] = *p++;
	}
}

void
ansi_end(struct ansi *a, void (*emit)(void *arg, const char *text, size_t len), void *arg)
{
	size_t n = a->n;

	a->n = 0;
	if (n > 0)
		emit(arg, a->held, n);
}
