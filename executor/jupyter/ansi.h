/*
 * ansi - takes terminal control sequences (colour, cursor movement, erasing) out of a text that comes in pieces.
 * Removed is ESC [ … final byte (ECMA-48, 5.4), also when it is split over pieces; every other escape is the reader's to
 * judge and passes unchanged, and so does what only looks like a beginning.
 */
#ifndef ANSI_H
#define ANSI_H

#include <stddef.h>

#define ANSI_SEQUENCE_MAX 64	/* a longer one is no control sequence but text */

struct ansi {
	char	 held[ANSI_SEQUENCE_MAX];	/* a sequence that has begun: ESC, then [, then its parameters */
	size_t	 n;
};

#define ANSI_INIT { { 0 }, 0 }

/* Text that stays is passed on, in order, in pieces. */
void	ansi_feed(struct ansi *a, const char *text, size_t len, void (*emit)(void *arg, const char *text, size_t len), void *arg);
/* The text has ended: what is held was no sequence. */
void	ansi_end(struct ansi *a, void (*emit)(void *arg, const char *text, size_t len), void *arg);

#endif
