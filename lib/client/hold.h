/*
 * hold - allocations that this process took and owes back, whatever ends it.
 * From hold_begin() on SIGINT, SIGTERM and SIGHUP (those that are not ignored) no longer end the process, they make a call
 * or a write return -EINTR; hold_end() gives back what is held, and then lets the signal have its way.  SIGPIPE is
 * ignored meanwhile, so that a reader that leaves is an error like another.
 */
#ifndef HOLD_H
#define HOLD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/signalfd.h>

#include "api.h"

struct hold {
	struct api	*api;		/* borrowed */
	int		 fd;		/* signalfd; -1: not begun */
	int		 signo;		/* the signal that came, 0: none */
	int		*id;
	size_t		 n;
	sigset_t	 watched;
	sigset_t	 mask_before;
	struct sigaction pipe_before;
};

#define HOLD_INIT { .fd = -1 }

int	hold_begin(struct hold *h, struct api *api);	/* 0, -errno */
/* As api_allocate(); what was taken is held. */
int	hold_take(struct hold *h, const char *type, int64_t wait_ms, struct api_answer *ret);
/* A signal that has come: false: none is waiting.  hold_end() ends the process by the last one noted. */
bool	hold_next_signal(struct hold *h, struct signalfd_siginfo *ret);
void	hold_note_signal(struct hold *h, int signo);
void	hold_keep(struct hold *h);	/* the caller's caller owns them now: nothing is owed any more */
/*
 * Give back what is held, each with a message where it fails; restore the signals; if one was noted, end by it.  Returns ex,
 * or the first failure's exit status where ex is 0.  A second signal ends the giving back.
 */
int	hold_end(struct hold *h, int ex);

#endif
