/*
 * pipes - what a kernel and its children write to descriptors 1 and 2: read as soon as it is there, and passed on in the order in
 * which the kernel's messages come, as far as marks tell it (marks.h).
 */
#ifndef PIPES_H
#define PIPES_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "outputs.h"

struct pipes;

struct pipes_conf {
	uv_loop_t	*loop;
	void		*arg;
	void	(*on_readable)(void *arg);	/* something is there: what was sent before it is to be taken first */
	void	(*on_bytes)(void *arg, enum outputs_stream name, const char *bytes, size_t len);
};

/* Takes the descriptors over where it succeeds, and makes fd[] -1.  0, -errno. */
int	pipes_new(const struct pipes_conf *conf, int fd[2], struct pipes **ret);
void	pipes_free(struct pipes **p);

/* From now on there are marks with this token. */
void	pipes_expect_marks(struct pipes *p, const char *token);
bool	pipes_have_marks(const struct pipes *p);
/* A message told how far the kernel is: what was held for it goes on. */
void	pipes_mark(struct pipes *p, uint64_t n);
/* Pass on what is there, as far as marks allow, and a bounded amount. */
void	pipes_read(struct pipes *p);
/* Read nothing more, or go on. */
void	pipes_hold(struct pipes *p, bool hold);
/* The cell is over, or the kernel: nothing is held back any more. */
void	pipes_release(struct pipes *p);

#endif
