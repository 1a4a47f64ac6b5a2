/*
 * marks - the order of what arrives on two ways: messages, and the kernel's own descriptors 1 and 2.
 * Before it starts a child process the kernel sends a message with a number, and writes a mark with the same number to its
 * descriptors.  What follows a mark in a descriptor is held until the message with its number has come: so what was printed before
 * a child process stands before what that wrote, however late either is read.  Pure.
 */
#ifndef MARKS_H
#define MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define MARKS_TYPE "execmgr_mark"	/* of the message; content {"n":1} */

struct marks {
	char		 start[48];	/* a mark is this, digits, NUL */
	size_t		 len;		/* 0: this kernel makes none */
	uint64_t	 seen;		/* the last number that came by message */
};

struct marks_pipe {
	struct buf	 held;		/* behind a mark, or perhaps the beginning of one */
	uint64_t	 waiting;	/* number that is waited for; 0: none.  Read no more meanwhile */
};

/* token: 1 to 32 letters and digits that no output is likely to hold. */
void	marks_init(struct marks *m, const char *token);
/* Bytes were read, or (len 0) m->seen has changed: text goes to emit, marks are taken out. */
void	marks_feed(const struct marks *m, struct marks_pipe *p, const char *bytes, size_t len,
	    void (*emit)(void *arg, const char *bytes, size_t len), void *arg);
/* The cell is over: what is held is text. */
void	marks_end(const struct marks *m, struct marks_pipe *p, void (*emit)(void *arg, const char *bytes, size_t len),
	    void *arg);

#endif
